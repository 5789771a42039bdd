"""A table for people, and the same as JSON and as a plot."""

import json

COLUMNS = ("seconds", "cpu s", "peak MiB", "stored MB", "to mover")
CHANGED_COLUMNS = ("added MB", "to changed")
COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#718096")


def write(work, found):
    text = "\n".join(lines(found))
    print(text)
    (work / "report.txt").write_text(text + "\n", encoding="utf-8")
    (work / "report.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (work / "report.svg").write_text(svg(found), encoding="utf-8")


def lines(found):
    yield found["machine"] + "; everything was in the page cache; medians"
    yield from found["remarks"]
    for name, version in found["tools"].items():
        yield f"  {name}: {version}"
    for one in found["sets"]:
        yield ""
        yield row(f"{one['set']}, {one['rounds']} rounds", "", COLUMNS + CHANGED_COLUMNS * has_changes(one))
        for step in steps(one):
            for name, medians in one["medians"].items():
                if step in medians:
                    yield row(step, name, cells(one["medians"], step, name))
    yield ""
    yield "to mover: Mover's time as a part of the tool's in the same rounds"
    if any(has_changes(one) for one in found["sets"]):
        yield "to changed: bytes that the store grew by, for each byte that was changed to noise"


def has_changes(one):
    return any("added_bytes" in it for medians in one["medians"].values() for it in medians.values())


def row(step, name, cells):
    return f"{step:<16}{name:<14}" + "".join(f"{cell:>12}" for cell in cells).rstrip()


def cells(medians, step, name):
    it, ours = medians[name][step], medians.get("mover", {}).get(step)
    yield f"{it['seconds']:.2f}"
    yield f"{it['cpu_seconds']:.2f}"
    yield f"{it['peak_bytes'] / (1 << 20):.0f}"
    yield f"{it['stored_bytes'] / 1e6:.1f}"
    yield f"{ours['seconds'] / it['seconds']:.2f}" if ours and name != "mover" else ""
    if "added_bytes" in it:
        yield f"{it['added_bytes'] / 1e6:.1f}"
        yield f"{it['added_bytes'] / it['changed_bytes']:.2f}"


def steps(one):
    known = []
    for medians in one["medians"].values():
        known += [step for step in medians if step not in known]
    return known


def svg(found):
    """One bar of seconds for each set, step and tool."""
    bars = [
        (f"{one['set']}: {step}", name, one["medians"][name][step]["seconds"])
        for one in found["sets"]
        for step in steps(one)
        for name in one["medians"]
        if step in one["medians"][name]
    ]
    longest = max((seconds for _, _, seconds in bars), default=1)
    names = list(found["tools"])
    parts, y, last = [], 10, None
    for title, name, seconds in bars:
        if title != last:
            y += 26
            parts.append(f'<text x="10" y="{y - 4}" font-weight="bold">{title}</text>')
            last = title
        width = 480 * seconds / longest
        colour = COLOURS[names.index(name) % len(COLOURS)]
        parts.append(f'<text x="110" y="{y + 12}" text-anchor="end">{name.replace("|", " | ")}</text>')
        parts.append(f'<rect x="120" y="{y}" width="{width:.1f}" height="15" fill="{colour}"/>')
        parts.append(f'<text x="{126 + width:.1f}" y="{y + 12}">{seconds:.2f} s</text>')
        y += 18
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{y + 20}" '
        f'font-family="sans-serif" font-size="12">\n' + "\n".join(parts) + "\n</svg>\n"
    )
