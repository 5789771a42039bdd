#!/usr/bin/env python3
"""Changes the code of the crate `mover`, one small change at a time, and runs its unit tests: a
mutant that no test notices has survived.

    python3 tests/mutants.py [--tests store::] [NUMBER...]
    python3 tests/mutants.py --list

To build the crate for each mutant would take minutes a mutant. So all of them are built at once:
what cargo-mutants lists becomes switches in a copy of the source, and an environment variable says
which mutant a run of the tests has. It needs cargo-mutants, and from pip tree-sitter and
tree-sitter-rust. The copy lies in target/mutants, beside what was found; what is built of it goes
to target/ itself: the newest test binary there is then one with mutants, none of them switched on.
"""

import argparse
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import tree_sitter
import tree_sitter_rust

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "target/mutants"
COPY = WORK / "source"
FILES = [
    f"mover/src/store/{name}.rs"
    for name in (
        "writer/commit", "writer/protect", "recovery", "walk", "catalog/cut", "parity/mod", "parity/files",
        "parity/plan", "parity/vouch", "parity/make", "parity/heal", "parity/check",
    )
]  # fmt: skip
BUILD = "cargo test --release --locked --workspace --lib --no-run --features mover/failpoints --message-format json"

VARIABLE = "MOVER_MUTANT"
SWITCH = """
/// The mutant that this run has; 0 is none.
pub(crate) fn mutant() -> u32 {
    static MUTANT: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *MUTANT.get_or_init(|| std::env::var("VARIABLE").map_or(0, |it| it.parse().expect("a number")))
}
""".replace("VARIABLE", VARIABLE)

# Tests that take less than so many seconds alone are tried together, the fast ones on all mutants
# before any of the slower ones is tried.
GROUPS = [0.5, 5, float("inf")]
# A mutant may well never end, and take all memory while it does not.
SECONDS_MIN = 30
MEMORY_MAX = 4 << 30
# Tests have their folders here, and what is killed leaves them: in the copy they are in a folder of
# the run.
MEMORY = Path("/dev/shm")

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))
# What holds the change that a mutant is: there the switch goes.
HOLDERS = {
    "BinaryOperator": ("binary_expression", "compound_assignment_expr"),
    "UnaryOperator": ("unary_expression",),
    "StructField": ("struct_expression",),
    "MatchArm": ("match_arm",),
    "FnValue": ("function_item",),
}


class Unviable(Exception):
    """Why a mutant would not compile."""


def listed():
    """All mutants by their numbers, as cargo-mutants has them."""
    files = [argument for file in FILES for argument in ("-f", file)]
    command = ["cargo", "mutants", "-p", "mover", "--list", "--json", *files]
    run = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return dict(enumerate(json.loads(run.stdout), 1))


class Source:
    """A file whose mutants become switches."""

    def __init__(self, text):
        self.text = text
        self.root = PARSER.parse(text).root_node
        lines = text.splitlines(keepends=True)
        self.begins = [sum(map(len, lines[:at])) for at in range(len(lines))]
        # By nodes: what stands in their place, and what comes around them.
        self.arms, self.before, self.after = {}, {}, {}

    def place(self, place):
        begin = self.begins[place["line"] - 1]
        line = self.text[begin:].split(b"\n", 1)[0].decode()
        return begin + len(line[: place["column"] - 1].encode())

    def add(self, number, mutant):
        """Makes a mutant a switch; of one that changes a constant, gives its name and other value."""
        genre, replacement = mutant["genre"], mutant["replacement"].encode()
        begin, end = (self.place(mutant["span"][side]) for side in ("start", "end"))
        node = self.root.descendant_for_byte_range(begin, end)
        constant = next((it for it in ancestors(node) if it.type == "const_item"), None)
        if constant is not None:
            value = constant.child_by_field_name("value")
            changed = self.text[value.start_byte : begin] + replacement + self.text[end : value.end_byte]
            return self.part(constant.child_by_field_name("name")), changed
        if genre == "MatchArmGuard":
            self.arms.setdefault(key(node), []).append((number, replacement))
            return None
        holder = next((it for it in [node, *ancestors(node)] if it.type in HOLDERS[genre]), None)
        if genre.endswith("Operator") and (holder is None or holder != node.parent):
            raise Unviable("a chain with `let` has no other operator")
        if genre == "FnValue":
            self.give(number, replacement, holder)
        elif genre == "MatchArm":
            pattern = holder.child_by_field_name("pattern")
            guard = pattern.child_by_field_name("condition")
            unless = mark(number, b" crate::mutant() != %d " % number)
            if guard is None:
                self.after[key(pattern)] = b" if" + unless
            else:
                self.before[key(guard)], self.after[key(guard)] = unless + b"&& (", b")"
        else:
            changed = self.text[holder.start_byte : begin] + replacement + self.text[end : holder.end_byte]
            self.arms.setdefault(key(holder), []).append((number, changed))
        return None

    def give(self, number, value, function):
        """The switch in front of all that a function does."""
        body = function.child_by_field_name("body")
        given = self.part(function.child_by_field_name("return_type"))
        if not given.startswith(b"impl "):
            opening = key(body.children[0])
            early = mark(number, b" if crate::mutant() == %d { return %s; }" % (number, value))
            self.after[opening] = self.after.get(opening, b"") + early
            return
        # What gives an `impl` gives one type alone.
        first = b"{ let given: Box<dyn %s> = match crate::mutant() { _ => Box::new(" % given[5:]
        arm = mark(number, b" %d => Box::new(%s)," % (number, value))
        self.before[key(body)] = self.before.get(key(body), first).replace(b" _ => ", arm + b" _ => ")
        self.after[key(body)] = b") }; given }"

    def use(self, constant, number, value):
        """The switch for a constant, which the compiler makes, goes to where it is used."""

        def visit(node):
            if node.type == "identifier" and self.part(node) == constant:
                self.arms.setdefault(key(node), []).append((number, value))
            if node.type not in ("use_declaration", "const_item"):
                for child in node.children:
                    visit(child)

        visit(self.root)

    def part(self, node):
        return b"" if node is None else self.text[node.start_byte : node.end_byte]

    def switched(self, node=None):
        """The text of a node with its switches. A mutant's own arm has none: only one is on."""
        node = node or self.root
        parts, at = [], node.start_byte if node.parent else 0
        for child in node.children:
            parts += self.text[at : child.start_byte], self.switched(child)
            at = child.end_byte
        text = b"".join(parts) + self.text[at : node.end_byte if node.parent else len(self.text)]
        if arms := self.arms.get(key(node)):
            arms = b"".join(mark(number, b"%d => %s," % (number, arm)) for number, arm in arms)
            text = b"(match crate::mutant() { %s _ => %s })" % (arms, text)
        return self.before.get(key(node), b"") + text + self.after.get(key(node), b"")


def key(node):
    return node.start_byte, node.end_byte, node.type


def ancestors(node):
    while node := node.parent:
        yield node


def mark(number, text):
    """By the marks the compiler's complaints are told apart."""
    return b"/*%d<*/%s/*%d>*/" % (number, text, number)


def marked(text, begin, end):
    """The mutants in whose marks a range of the text lies."""
    marks = re.finditer(rb"/\*(\d+)<\*/.*?/\*\1>\*/", text, re.DOTALL)
    return {int(it[1]) for it in marks if it.start() <= begin and end <= it.end()}


def write(mutants, dropped):
    """Brings the copy into step; what does not change keeps its time, so that it is not built anew.
    Gives the mutants that would not compile, with the reasons."""
    left = {}
    sources = {file: Source((ROOT / file).read_bytes()) for file in FILES}
    for number, mutant in mutants.items():
        try:
            if number not in dropped and (constant := sources[mutant["file"]].add(number, mutant)):
                name, value = constant
                for source in sources.values():
                    source.use(name, number, value)
        except Unviable as why:
            left[number] = ("unviable", str(why))
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    for name in filter(None, names.stdout.decode().split("\0")):
        source, target = ROOT / name, COPY / name
        if not source.is_file():
            continue
        text = sources[name].switched() if name in sources else source.read_bytes()
        if name == "mover/src/lib.rs":
            text += SWITCH.encode()
        text = text.replace(b'Path::new("%s")' % bytes(MEMORY), b"&std::env::temp_dir()")
        if not target.exists() or target.read_bytes() != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text)
            shutil.copymode(source, target)
    return left


def build(mutants):
    """Builds until only mutants are left that compile. Gives the binary, and what becomes of the
    others."""
    # To be told again what does not compile would take a build.
    memory = WORK / "unviable.json"
    known = json.loads(memory.read_text()) if memory.exists() else {}
    texts = {file: hashlib.sha256((ROOT / file).read_bytes()).hexdigest() for file in FILES}
    names = {number: f"{mutant['name']} in {texts[mutant['file']]}" for number, mutant in mutants.items()}
    dropped = {number: ("unviable", known[name]) for number, name in names.items() if name in known}
    while True:
        left = write(mutants, dropped)
        environment = os.environ | {"CARGO_TARGET_DIR": str(ROOT / "target")}
        run = subprocess.run(BUILD.split(), cwd=COPY, env=environment, stdout=subprocess.PIPE)
        messages = [json.loads(line) for line in run.stdout.splitlines() if line.startswith(b"{")]
        if run.returncode == 0:
            return binary_of(messages), left | dropped
        found = complaints(messages)
        if not found:
            sys.exit("it does not build")
        dropped |= {number: ("unviable", why) for number, why in found.items()}
        memory.write_text(json.dumps({names[number]: why for number, (_, why) in dropped.items()}, indent=1))
        print(f"{len(dropped)} do not compile", flush=True)


def complaints(messages):
    """The mutants that the compiler complains of, with the reasons."""
    found = {}
    for message in (it["message"] for it in messages if it["reason"] == "compiler-message"):
        if message["level"] != "error" or not message["spans"]:
            continue
        numbers = set()
        for span in message["spans"]:
            if span["file_name"] in FILES:
                text = (COPY / span["file_name"]).read_bytes()
                numbers |= marked(text, span["byte_start"], span["byte_end"])
        if not numbers:
            sys.exit(f"no mutant, and it does not compile:\n{message['rendered']}")
        found |= dict.fromkeys(numbers, message["message"])
    return found


def binary_of(messages):
    for message in messages:
        if message["reason"] == "compiler-artifact" and message["target"]["name"] == "mover" and message["executable"]:
            return message["executable"]
    sys.exit("there is no test binary")


def tests_of(binary, filters):
    run = subprocess.run([binary, "--list", *filters], cwd=COPY / "mover", check=True, stdout=subprocess.PIPE, text=True)
    return [line.removesuffix(": test") for line in run.stdout.splitlines() if line.endswith(": test")]


def limited():
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def attempt(binary, number, tests, seconds):
    """Runs tests with a mutant, up to the first that fails. Gives what caught it."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        environment = os.environ | {VARIABLE: str(number), "TMPDIR": folder, "RUST_BACKTRACE": "0"}
        child = subprocess.Popen(
            [binary, "--exact", "--test-threads", "2", *tests], cwd=COPY / "mover", env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=limited,
        )  # fmt: skip
        late = threading.Event()

        def end():
            late.set()
            os.killpg(child.pid, signal.SIGKILL)

        timer = threading.Timer(seconds, end)
        timer.start()
        failed = None
        for line in child.stdout:
            if line.startswith("test ") and line.endswith(" ... FAILED\n"):
                failed = line.split()[1]
                os.killpg(child.pid, signal.SIGKILL)
                break
        timer.cancel()
        child.stdout.read()
        code = child.wait()
    if failed or code == 0:
        return failed
    return "time-out" if late.is_set() else f"ended with {code}"


def grouped(binary, tests):
    """Tests in groups by how long each takes alone, with no mutant; all have to pass."""
    took = {}
    for test in tests:
        begun = time.monotonic()
        if caught := attempt(binary, 0, [test], 600):
            sys.exit(f"without any mutant: {caught}")
        took[test] = time.monotonic() - begun
    lower = 0
    for upper in GROUPS:
        group = [test for test in tests if lower <= took[test] < upper]
        lower = upper
        if group:
            yield group, SECONDS_MIN + 5 * sum(took[test] for test in group)


def report(mutants, results):
    """What was found, as JSON and as a table; those that survive come last."""
    rows = [
        {"number": number, "file": mutant["file"], "name": mutant["name"], "result": results[number]}
        for number, mutant in mutants.items()
        if number in results
    ]
    (WORK / "mutants.json").write_text(json.dumps(rows, indent=1))
    kinds = ["caught", "timed out", "unviable", "survived"]
    print(f"{'':<40}{'mutants':>10}" + "".join(f"{kind:>10}" for kind in kinds))
    for file in [*FILES, "all"]:
        counts = Counter(row["result"][0] for row in rows if file in (row["file"], "all"))
        print(f"{file:<40}{counts.total():>10}" + "".join(f"{counts[kind]:>10}" for kind in kinds))
    for row in rows:
        if row["result"][0] == "survived":
            print(f"{row['number']:>4} {row['name']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--list", action="store_true", help="only their numbers")
    parser.add_argument("--tests", nargs="+", default=["store::"], help="which unit tests are run")
    parser.add_argument("numbers", nargs="*", type=int, help="of mutants; all where there is none")
    options = parser.parse_args()
    mutants = listed()
    if options.list:
        return print("\n".join(f"{number:>4} {mutant['name']}" for number, mutant in mutants.items()))
    WORK.mkdir(parents=True, exist_ok=True)
    binary, results = build(mutants)
    alive = [number for number in options.numbers or mutants if number not in results]
    for tests, seconds in list(grouped(binary, tests_of(binary, options.tests))):
        print(f"{len(alive)} mutants, {len(tests)} tests", flush=True)
        for number in alive:
            caught = attempt(binary, number, tests, seconds)
            if caught:
                results[number] = ("timed out" if caught == "time-out" else "caught", caught)
                print(f"{number:>4} {mutants[number]['name']}: {caught}", flush=True)
        alive = [number for number in alive if number not in results]
    results |= {number: ("survived",) for number in alive}
    report({number: mutants[number] for number in options.numbers or mutants}, results)


if __name__ == "__main__":
    main()
