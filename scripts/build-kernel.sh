#!/usr/bin/env bash
# Builds the Linux that `npm run test:kernel` boots, from Debian's package of its source: docs/real-kernel.md.
set -euo pipefail
shopt -s inherit_errexit

readonly usage='usage: scripts/build-kernel.sh [--configure] [SOURCE]

Builds a bzImage for x86-64 with live update into build/kernel, where npm run
test:kernel finds it. It takes 20 minutes of one CPU and 3 GB there, of which
only the bzImage is needed after that.

SOURCE is an archive or a directory with the source of Linux 6.19 or later.
Without it, the newest /usr/src/linux-source-*.tar.xz is taken, and where there
is none, the newest such package of Debian is downloaded.

  --configure   stop when the kernel is configured

environment:
  LUO_DEBIAN_SUITE   where to look for the package (default: trixie-backports)
  JOBS               processes that make runs at once (default: one a CPU)'

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly directory=$root/build/kernel
readonly wanted=$root/test/kernel/linux.config
readonly tree=$directory/linux

fail() {
  echo "build-kernel.sh: $*" >&2
  exit 1
}

main() {
  local only_configure='' source=''
  while [[ $# -gt 0 ]]; do
    case $1 in
      --configure) only_configure=1 ;;
      -*)
        echo "$usage" >&2
        [[ $1 == --help ]] && exit 0 || exit 2
        ;;
      *) source=$(realpath -e -- "$1") ;;
    esac
    shift
  done

  need_programs
  mkdir -p "$directory"
  source=${source:-$(find_source)}
  unpack "$source"
  configure
  [[ -n $only_configure ]] && return
  make -C "$tree" -j "${JOBS:-$(nproc)}" bzImage
  install -m 0644 "$tree/arch/x86/boot/bzImage" "$directory/bzImage"
  echo "built $directory/bzImage ($(make -s -C "$tree" kernelrelease))"
}

# All at once, before anything is downloaded.
need_programs() {
  local program missing=()
  for program in gcc make flex bison bc xz; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  [[ ${#missing[@]} -eq 0 ]] ||
    fail "there is no ${missing[*]}: apt-get install gcc make flex bison bc xz-utils libelf-dev"
}

# Prints the path of an archive.
find_source() {
  local found
  found=$(find /usr/src -maxdepth 1 -name 'linux-source-*.tar.xz' 2>/dev/null | sort -V | tail -n 1)
  [[ -n $found ]] || found=$(download)
  echo "$found"
}

# Downloads the package without installing it. The lists of the suite are kept apart from those of the system, which
# need not know it; no root is needed.
download() {
  local suite=${LUO_DEBIAN_SUITE:-trixie-backports} apt=$directory/apt package
  command -v apt-get >/dev/null || fail 'this is no Debian: give the source of a Linux as an argument'
  mkdir -p "$apt/lists/partial" "$apt/archives/partial"
  echo "deb http://deb.debian.org/debian $suite main" >"$apt/sources.list"
  local options=(-q -o "Dir::Etc::SourceList=$apt/sources.list" -o 'Dir::Etc::SourceParts=-' -o "Dir::State::Lists=$apt/lists"
    -o "Dir::Cache=$apt" -o "APT::Sandbox::User=$(id -un)")
  apt-get "${options[@]}" update >&2
  package=$(apt-cache "${options[@]}" search --names-only '^linux-source-[0-9.]+$' | cut -d ' ' -f 1 | sort -V | tail -n 1)
  [[ -n $package ]] || fail "$suite has no package of the source of Linux"
  (cd "$apt" && apt-get "${options[@]}" download "$package" >&2)
  dpkg-deb --extract "$apt/$package"_*.deb "$apt/root"
  echo "$apt/root/usr/src/$package.tar.xz"
}

unpack() {
  echo "source: $1"
  rm -rf "$tree"
  if [[ -d $1 ]]; then
    cp -a "$1" "$tree"
  else
    mkdir "$tree"
    tar --extract --strip-components 1 --directory "$tree" --file "$1"
  fi
  [[ -d $tree/kernel/liveupdate ]] || fail "$1 has no live update orchestrator: Linux 6.19 or later is needed"
}

# What make does not keep of what is wanted, for want of something else, is missing in the kernel: better said now.
configure() {
  local line lost=()
  make -s -C "$tree" tinyconfig
  (cd "$tree" && scripts/kconfig/merge_config.sh -m .config "$wanted" >/dev/null && make -s olddefconfig)
  while read -r line; do
    grep -qxF "$line" "$tree/.config" || lost+=("${line%=y}")
  done < <(grep '^CONFIG_' "$wanted")
  [[ ${#lost[@]} -eq 0 ]] || fail "this Linux cannot be configured with ${lost[*]}: see $wanted"
  echo "configured: $tree/.config"
}

main "$@"
