#!/usr/bin/env bash
# A tape library behind the kernel's own SCSI devices: `tests/sg_guest.sh MOVER`.
#
# This machine's kernel has no SCSI, so a guest is booted that has: QEMU attaches the units of a tgt
# library, and in the guest `mover` finds them as /dev/sgN and archives to them by SG_IO. Takes some
# minutes, since all of the guest is emulated, and fetches 100 MB of Debian packages once; not a part
# of `tests/run.sh`. Everything is unpacked below target/sg-guest; nothing is installed.
set -euo pipefail
mover=$(realpath "$1")
cd "$(dirname "$0")/.."
work="$PWD/target/sg-guest"
mkdir -p "$work/debs" "$work/media"
media="$work/media"
lib=usr/lib/x86_64-linux-gnu

kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*-amd64\).*/\1/p' | head -1)
if [ ! -d "$work/qemu" ]; then
    (cd "$work/debs" && apt-get download -qq "$kernel" busybox-static cpio \
        qemu-system-x86 qemu-system-common qemu-system-data qemu-block-extra seabios ipxe-qemu \
        libiscsi7 libbrlapi0.8 libcacard0 libcapstone4 libdaxctl1 libepoxy0 libexecs0 libfdt1 \
        libgstreamer-plugins-base1.0-0 libibverbs1 libndctl6 liborc-0.4-0 libopus0 libpmem1 \
        librdmacm1 libslirp0 libsndio7.0 libspice-server1 libusb-1.0-0 libusbredirparser1 \
        libvdeplug2 2>/dev/null)
    for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/qemu"; done
fi
export LD_LIBRARY_PATH="$work/qemu/$lib:$work/qemu/lib/x86_64-linux-gnu" QEMU_MODULE_DIR="$work/qemu/$lib/qemu"

# The guest: busybox, the modules of SCSI, mover, and what mover is linked with.
root="$work/root"
rm -rf "$root" "$media"/* && mkdir -p "$root"/{bin,dev,proc,sys,tmp,lib64,modules} "$media"
cp "$work/qemu/bin/busybox" "$root/bin/busybox"
modules=$(echo "$work"/qemu/lib/modules/*)
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci \
    scsi_common scsi_mod virtio_scsi sg; do
    find "$modules/kernel" -name "$module.ko" -exec cp {} "$root/modules/" \;
done
strip -o "$root/bin/mover" "$mover"
for library in $(LD_LIBRARY_PATH= ldd "$mover" | sed -n 's/.* => \(\/[^ ]*\).*/\1/p'); do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done
cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
cat > "$root/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci \
    scsi_common scsi_mod virtio_scsi sg; do
    [ -f /modules/$module.ko ] && insmod /modules/$module.ko
done
sleep 2
hostname guest
export HOME=/tmp PATH=/bin
set -eo pipefail
# No progress bars on a serial line.
mover() { /bin/mover "$@" 2>&1 | cat; }
trap 'echo GUEST FAILED; poweroff -f' EXIT
drives=; library=
for node in /sys/class/scsi_generic/sg*; do
    case $(cat $node/device/type) in
        1) drives="$drives \"/dev/${node##*/}\"," ;;
        8) library=/dev/${node##*/} ;;
    esac
done
echo "library $library, drives $drives"
mkdir -p /tmp/source && dd if=/dev/urandom of=/tmp/source/noise bs=1M count=12 2>/dev/null
cp /bin/busybox /tmp/source/program
cat > /tmp/policy.toml <<POLICY
version = 1
[archive]
store = "/tmp/store"
name = "a"
paths = ["/tmp/source"]
snoops = ["none"]
[pools.tape]
kind = "tape"
library = "$library"
drives = [${drives%,}]
streams = 1
[[rules]]
name = "all"
stages = []
pools = ["tape"]
POLICY
cd /tmp
mover init store --no-encryption
mover archive --policy policy.toml
mover media list store
mover restore store a --into back
diff -r source back
rm -rf store back
mover media scan store --policy policy.toml --adopt
mover restore store a --into back
diff -r source back
mover verify store --read
trap - EXIT
echo GUEST PASSED
poweroff -f
END
chmod +x "$root/init"
(cd "$root" && find . | "$work/qemu/bin/cpio" -o -H newc --quiet | gzip -1 > "$work/initrd.gz")

# The library: two drives, a changer, and three cartridges.
port=13271 control=91
export TGT_IPC_SOCKET="$work/ipc"
rm -f "$work"/ipc*
admin() { env -u LD_LIBRARY_PATH tgtadm -C $control --lld iscsi "$@"; }
unit() { admin --mode logicalunit --op new --tid 1 --lun "$@"; }
set_unit() { admin --mode logicalunit --op update --tid 1 --lun "$1" --params "$2"; }
for number in 1 2 3; do
    env -u LD_LIBRARY_PATH tgtimg --op new --device-type tape --barcode "TST00${number}L4" --size 8 --type data \
        --file "$media/TST00${number}L4" >/dev/null
done
env -u LD_LIBRARY_PATH "$(command -v tgtd)" -f -D -C $control --iscsi portal=127.0.0.1:$port >/dev/null 2>&1 &
trap 'kill -9 %1 2>/dev/null' EXIT
until admin --op show --mode system >/dev/null 2>&1; do sleep 0.1; done
target=iqn.2026-01.test:sg
admin --op new --mode target --tid 1 -T $target
for drive in 1 2; do
    unit $drive -b "$media/TST00${drive}L4" --device-type=tape
    set_unit $drive online=0
done
head -c 1024 /dev/zero > "$media/changer"
unit 3 -b "$media/changer" --device-type=changer
set_unit 3 "media_home=$media"
set_unit 3 element_type=4,start_address=1,quantity=2
set_unit 3 element_type=4,address=1,tid=1,lun=1
set_unit 3 element_type=4,address=2,tid=1,lun=2
set_unit 3 element_type=1,start_address=500,quantity=1
set_unit 3 element_type=2,start_address=1024,quantity=10
for number in 1 2 3; do
    set_unit 3 "element_type=2,address=$((1023 + number)),barcode=TST00${number}L4,sides=1"
done
set_unit 3 element_type=3,start_address=600,quantity=1
admin --op bind --mode target --tid 1 -I ALL

devices=()
for lun in 1 2 3; do
    devices+=(-drive "if=none,id=u$lun,format=raw,file=iscsi://127.0.0.1:$port/$target/$lun")
    devices+=(-device "scsi-generic,bus=s0.0,scsi-id=$lun,drive=u$lun")
done
timeout 900 "$work/qemu/usr/bin/qemu-system-x86_64" -L "$work/qemu/usr/share/qemu" \
    -L "$work/qemu/usr/share/seabios" -L "$work/qemu/usr/lib/ipxe/qemu" -M q35 -cpu max -nographic \
    -no-reboot -m 2048 -net none -kernel "$work"/qemu/boot/vmlinuz-* -initrd "$work/initrd.gz" \
    -append "console=ttyS0 quiet panic=-1" -device virtio-scsi-pci,id=s0 "${devices[@]}" \
    < /dev/null | tee "$work/guest.log"
grep -q "GUEST PASSED" "$work/guest.log"
