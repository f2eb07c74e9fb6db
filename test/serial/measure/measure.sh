#!/bin/bash
# Makes the records of what the Linux serial drivers do to the control lines.
#
#   measure.sh 8250|acm|ftdi [CASE...]
#
# environment:
#   BZIMAGE  a bzImage with the 8250 driver built in (for 8250)
#   DEB      a directory where Debian's linux-image-*-amd64 package was unpacked with
#            `dpkg-deb -x` (for acm, ftdi), got with `apt-get download linux-image-6.1.0-50-amd64`
# Needs: qemu-system-x86 (with -trace log), gcc, libc6-dev, cpio, python3.
set -euo pipefail
cd "$(dirname "$0")"
what=$1; shift
gcc -shared -fPIC -O2 -o shim.so shim.c -ldl
gcc -O1 -Wall -Wno-unused-result -Wno-unused-variable -Wno-parentheses -static -o init init.c cases.c acm.c
mkdir -p "raw/$what"
usual="nothing open-close open-modes second-open hupcl-off termios-persist termios-two b0-close-open b0-while-open crtscts clocal-wait clocal-carrier tiocm glitch exclusive serial-info serial-info-user serial-identity miwait break exit hangup carrier-loss ctty open-flags open-reopen no-touch drain throttle"
usb="unplug unplug-cleared"
kexec="kexec-closed kexec-open kexec-nohupcl kexec-open-nohupcl"
pack() { # OUT [FILE=PATH_INSIDE...]: an initramfs of ./init and these
  local root out=$1; shift
  root=$(mktemp -d); mkdir "$root/dev"; cp init "$root/init"
  for f in "$@"; do cp "${f%%=*}" "$root/${f#*=}"; done
  (cd "$root" && find . -mindepth 1 | cpio --quiet -o -H newc -R 0:0) >"$out"
  rm -r "$root"
}
modules() { # NAME...: the module files, in order, and their list
  : >modules.list
  for m in "$@"; do
    echo "$(find "$DEB/lib/modules" -name "$m.ko")=$m.ko"
    echo "/$m.ko" >>modules.list
  done
  echo modules.list=modules.list
}
run() { python3 run.py --kernel "$kernel" --initrd "$1" --case "$2" --tty "$tty" --port "$port" --out "raw/$what/$3" --timeout 150 --append "${4:-}" || echo "$what $3: failed" >&2; }
case $what in
8250)
  kernel=$BZIMAGE tty=/dev/ttyS1 port=isa
  pack small.cpio; pack big.cpio "$kernel=kernel" small.cpio=initrd.img
  for c in ${*:-$usual $kexec}; do
    case $c in
    kexec-*) run big.cpio open-close "$c" "kexec=${c#kexec-} kho=on liveupdate=on" ;;
    *) run small.cpio "$c" "$c" ;;
    esac
  done
  python3 merge.py '8250 (16550A, ttyS1)' 'Linux 7.3.4 x86-64' linux-7.3-8250.json raw/8250 $usual $kexec
  ;;
acm)
  kernel=$(ls "$DEB"/boot/vmlinuz-*) tty=/dev/ttyACM0 port=none
  pack acm.cpio $(modules usb-common usbcore usbip-core vhci-hcd cdc-acm)
  for c in ${*:-$usual $usb}; do run acm.cpio "$c" "$c"; done
  python3 merge.py 'CDC-ACM (cdc-acm, ttyACM0)' "Linux ${kernel##*vmlinuz-} (Debian 12)" linux-6.1-cdc-acm.json raw/acm $usual $usb
  ;;
ftdi)
  kernel=$(ls "$DEB"/boot/vmlinuz-*) tty=/dev/ttyUSB0 port=usb
  pack ftdi.cpio $(modules usb-common usbcore uhci-hcd usbserial ftdi_sio)
  for c in ${*:-$usual $usb}; do run ftdi.cpio "$c" "$c"; done
  python3 merge.py 'FTDI (ftdi_sio, ttyUSB0)' "Linux ${kernel##*vmlinuz-} (Debian 12)" linux-6.1-ftdi.json raw/ftdi $usual $usb
  ;;
*) echo "measure.sh: $what: 8250, acm or ftdi" >&2; exit 2 ;;
esac
