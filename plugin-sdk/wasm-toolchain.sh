#!/bin/bash
# Finds, or sets up, a rustc that can build WASM components (target wasm32-wasip2).
#
#   wasm-toolchain.sh [--quiet] DIR
#
# It looks in this order and stops at the first that works:
#   1. installed  the active toolchain has the target already
#   2. private    DIR holds a complete private toolchain from an earlier run
#   3. rustup     `rustup target add wasm32-wasip2`
#   4. debian     the prebuilt standard library of a Debian suite with its matching rustc, verified
#                 by apt and unpacked into DIR: no root, nothing installed on the system
#
# What it does goes to stderr; with --quiet nothing, where nothing has to be set up. The last line of stdout is for the
# caller: `RUSTC=/absolute/path`.
# Running it again is cheap; two runs at once wait for each other.
#
# Environment:
#   CHANCERY_WASM_TOOLCHAIN  auto (default) | installed | rustup | debian: allow one way only
#   CHANCERY_DEBIAN_SUITES   suites to take the library from, in order (default: "forky sid")
#
# Exit codes: 2 usage · 10 no rustc · 11 no packages for this machine · 12 linker tools missing
#   13 not Debian, or a Debian tool missing · 14 apt has no usable source · 15 busy · 16 disk
#   20 index unreadable · 21 packages unavailable · 22 versions differ · 23 unpacking failed
#   30 the private rustc does not start · 31 it cannot build a component · 40 the way asked for is closed
set -euo pipefail
export LC_ALL=C

readonly TARGET=wasm32-wasip2
# Change it whenever the layout of DIR changes: older directories are then set up anew.
readonly LAYOUT=1
# A blackholed address must not hold a build up for rustup's default of several minutes.
readonly RUSTUP_SECONDS=120
readonly APT_SECONDS=30
readonly LOCK_SECONDS=900
# Peak use while unpacking: packages and their contents stand side by side.
readonly NEEDED_MIB=1000
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf 'wasm toolchain: %s\n' "$*" >&2; }

# die CODE MESSAGE [HINT]
die() {
  say "$2"
  printf '  hint: %s\n' "${3:-install the target with \`rustup target add $TARGET\`, then run this again}" >&2
  exit "$1"
}

main() {
  QUIET=
  if [ "${1:-}" = --quiet ]; then QUIET=1 && shift; fi
  [ $# -eq 1 ] && [ -n "$1" ] || die 2 "usage: wasm-toolchain.sh [--quiet] DIR" "DIR is where a private toolchain may be kept, e.g. target/wasm-toolchain"
  local way=${CHANCERY_WASM_TOOLCHAIN:-auto}
  case $way in
    auto | installed | rustup | debian) ;;
    *) die 2 "CHANCERY_WASM_TOOLCHAIN is \"$way\"" "use auto, installed, rustup or debian" ;;
  esac

  SYSROOT=$(rustc --print sysroot 2>/dev/null) || die 10 "no working rustc on PATH" "install Rust from https://rustup.rs"
  HOST=$(rustc -vV | sed -n 's/^host: //p')
  mkdir -p "$(dirname "$1")" || die 16 "cannot create $(dirname "$1")" "choose a directory you may write to"
  DIR=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")

  if [ "$way" != debian ] && target_installed; then
    found "$SYSROOT/bin/rustc" "$TARGET is installed"
  fi
  [ "$way" != installed ] || die 40 "$TARGET is not installed for $(rustc -V)"

  lock
  if [ "$way" != rustup ] && private_valid; then
    found "$DIR/bin/rustc" "using the private toolchain in $DIR"
  fi
  if [ "$way" != debian ]; then
    if add_with_rustup; then
      answer "$SYSROOT/bin/rustc" "rustup installed $TARGET"
    fi
    [ "$way" != rustup ] || die 40 "rustup could not install $TARGET" "check the connection to rustup's server, or allow the other ways"
  fi
  set_up_from_debian
  answer "$DIR/bin/rustc" "ready: $("$DIR/bin/rustc" -V)"
}

# found RUSTC MESSAGE: what was there already is no news.
found() {
  if [ -n "$QUIET" ]; then say() { :; }; fi
  answer "$@"
}

# answer RUSTC MESSAGE: tells both readers and ends.
answer() {
  say "$2"
  printf 'RUSTC=%s\n' "$1"
  exit 0
}

target_installed() {
  compgen -G "$(rustc --print target-libdir --target $TARGET)/libstd-*.rlib" >/dev/null
}

lock() {
  command -v flock >/dev/null || return 0 # not Linux: nothing below will unpack anything
  exec 9>"$DIR.lock" || die 16 "cannot write $DIR.lock" "choose a directory you may write to"
  flock -n 9 && return 0
  say "another set-up is running, waiting for it"
  flock -w $LOCK_SECONDS 9 || die 15 "another set-up still holds $DIR.lock after $LOCK_SECONDS s" "end it, or remove the lock file"
}

# ---------------------------------------------------------------------------------------- rustup

add_with_rustup() {
  if ! command -v rustup >/dev/null; then
    say "rustup is not installed, so it cannot add the target"
    return 1
  fi
  say "asking rustup for $TARGET (at most $RUSTUP_SECONDS s)"
  local limit=()
  if command -v timeout >/dev/null; then limit=(timeout $RUSTUP_SECONDS); fi
  # 9>&- : a child that outlives us must not keep the lock.
  if ! RUST_BACKTRACE=0 RUSTUP_MAX_RETRIES=0 RUSTUP_DOWNLOAD_TIMEOUT=30 "${limit[@]}" rustup target add $TARGET 9>&- >&2; then
    say "rustup could not install it (its server may be out of reach from here)"
    return 1
  fi
  target_installed && return 0
  say "rustup reports success, but $(rustc -V) has no library for it: is that rustc another one than rustup's?"
  return 1
}

# ---------------------------------------------------------------------------------------- Debian

# The directory is only ever renamed into place complete; what can break later is the libraries'
# mount (noexec) and the links into a rustup toolchain that was removed.
private_valid() {
  [ "$(cat "$DIR/layout" 2>/dev/null)" = $LAYOUT ] || return 1
  "$DIR/bin/rustc" -V >/dev/null 2>&1 || return 1
  local tool
  for tool in rust-lld wasm-component-ld; do
    [ -x "$DIR/usr/lib/rustlib/$HOST/bin/$tool" ] || return 1
  done
}

set_up_from_debian() {
  local arch multiarch loader
  case $HOST in
    x86_64-unknown-linux-gnu) arch=amd64 multiarch=x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
    aarch64-unknown-linux-gnu) arch=arm64 multiarch=aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
    *) die 11 "Debian has no packages that run on $HOST" ;;
  esac
  local tools=$SYSROOT/lib/rustlib/$HOST/bin
  check_machine "$tools"

  PART=$DIR.part
  trap 'rm -rf "$PART"' EXIT
  rm -rf "$PART"
  mkdir -p "$PART/bin" || die 16 "cannot create $PART" "choose a directory you may write to"
  check_space

  local debs=$PART/apt/cache/archives suite
  configure_apt "$arch"
  download "$arch"
  check_versions "$debs"
  unpack "$debs" "$multiarch" "$loader"
  ln -s "$tools"/{rust-lld,wasm-component-ld} "$PART/usr/lib/rustlib/$HOST/bin/"
  write_wrapper "$multiarch" "$loader"
  smoke_test

  echo $LAYOUT >"$PART/layout"
  rm -rf "$DIR" "$PART/apt"
  mv "$PART" "$DIR" || die 16 "cannot move $PART to $DIR" "check the permissions of $(dirname "$DIR")"
  trap - EXIT
}

# check_machine TOOLS: everything that can be known before anything is downloaded.
check_machine() {
  local tool
  for tool in rust-lld wasm-component-ld; do
    # Without its own rust-lld, wasm-component-ld silently falls back to any wasm-ld on PATH.
    [ -x "$1/$tool" ] || die 12 "$tool is not in $1, so nothing could link a component" "use rustup's toolchain, which carries it: https://rustup.rs"
  done
  local id codename
  id=$(os_release ID)
  [ "$id" = debian ] || die 13 "this system is \"${id:-unknown}\", not Debian, so Debian's prebuilt library is not used"
  for tool in apt-get apt-config dpkg-deb flock; do
    command -v $tool >/dev/null || die 13 "$tool is missing"
  done
  [ -r $KEYRING ] || die 13 "$KEYRING is missing: packages could not be verified" "install debian-archive-keyring, or run \`rustup target add $TARGET\`"
  codename=$(os_release VERSION_CODENAME)
  [ -n "$codename" ] || die 13 "/etc/os-release names no VERSION_CODENAME"
}

os_release() {
  # shellcheck source=/dev/null
  (. /etc/os-release 2>/dev/null && eval "printf %s \"\${$1:-}\"") || true
}

check_space() {
  local free
  free=$(df -Pm "$PART" | awk 'NR == 2 { print $4 }')
  [ "${free:-0}" -ge $NEEDED_MIB ] || die 16 "only ${free:-0} MiB free at $PART, $NEEDED_MIB MiB are needed while unpacking" "free some space, or run \`rustup target add $TARGET\`"
}

# A private apt: own lists, empty package state, none of the system's hooks. The mirror is the one
# that the system itself uses; proxies and date policy are the system's too, never ours.
configure_apt() {
  local apt=$PART/apt codename
  mkdir -p "$apt"/{lists,probe,cache/archives}/partial
  : >"$apt/status"
  codename=$(os_release VERSION_CODENAME)
  # --print-uris reads .list and .sources files alike, needs no root and no earlier update.
  BASE=$(apt-get update --print-uris -o Dir::State::Lists="$apt/probe" 2>/dev/null |
    sed -n "s#^'\(.*\)/dists/$codename/InRelease'.*#\1#p" | head -n 1)
  [ -n "$BASE" ] || die 14 "apt's sources have no line for suite $codename, so there is no mirror to ask" "add Debian's main archive to apt's sources, or run \`rustup target add $TARGET\`"
  {
    apt-config dump | grep -E '^Acquire::((http|https|ftp)::|Check-|Max-)' || true
    cat <<CONF
Dir::Etc::Main "/dev/null"; Dir::Etc::Parts "/dev/null";
Dir::Etc::SourceList "$apt/sources.list"; Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null"; Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$apt"; Dir::State::Lists "$apt/lists"; Dir::State::status "$apt/status";
Dir::Cache "$apt/cache"; Dir::Log "$apt";
Acquire::Languages "none"; Acquire::Retries "2";
Acquire::http::Timeout "$APT_SECONDS"; Acquire::https::Timeout "$APT_SECONDS";
APT::Sandbox::User ""; APT::Install-Recommends "false"; APT::Update::Error-Mode "any";
APT::Architecture "$1"; APT::Architectures { "$1"; };
CONF
  } >"$apt/apt.conf"
}

# download ARCH: tries each suite, and each suite twice, since a mirror may be renewing its index.
download() {
  local log=$PART/apt/log code=20 suites suite
  read -ra suites <<<"${CHANCERY_DEBIAN_SUITES:-forky sid}"
  for suite in "${suites[@]}"; do
    say "downloading the prebuilt library from Debian's suite $suite (about 200 MB)"
    echo "deb [arch=$1 signed-by=$KEYRING] $BASE $suite main" >"$PART/apt/sources.list"
    for _ in 1 2; do
      code=0
      download_suite >"$log" 2>&1 || code=$?
      [ $code -ne 0 ] || return 0
      [ $code -eq 21 ] || break # an unreadable index stays unreadable
    done
    explain "$suite" $code "$log"
  done
  die $code "none of the suites (${suites[*]}) could be used"
}

download_suite() {
  export APT_CONFIG=$PART/apt/apt.conf
  rm -f "$PART"/apt/cache/archives/*.deb
  local code=0
  apt-get -qq update 9>&- || return 20
  # With an empty package state apt resolves the whole closure, so no versioned name stands here.
  apt-get -qq -y -d install libstd-rust-dev libstd-rust-dev-wasm32 9>&- || return 21
  # `install` would also bring gcc and the C headers along.
  (cd "$PART/apt/cache/archives" && apt-get -qq download rustc 9>&-) || code=21
  return $code
}

# explain SUITE CODE LOG: apt's own words, and what they mean.
explain() {
  grep -E '^[EW]: ' "$3" | sed 's/^/  apt: /' | tail -n 4 >&2 || true
  if grep -q 'does not have a Release file' "$3"; then
    say "the mirror does not carry suite $1"
  elif grep -qE 'Release file.* (is expired|is not valid)' "$3"; then
    say "the mirror's copy of suite $1 is out of date: check this machine's clock, then the mirror"
  elif grep -qE 'NO_PUBKEY|is not signed|signatures (couldn.t|were)' "$3"; then
    say "suite $1 is not signed by a key in $KEYRING: update debian-archive-keyring"
  elif grep -qiE 'Temporary failure|Could not resolve|Could not connect|timed out|Network is unreachable|Connection refused' "$3"; then
    say "the mirror cannot be reached from here"
  elif [ "$2" -eq 20 ]; then
    say "the index of suite $1 cannot be read"
  else
    say "suite $1 lacks the packages, or the mirror is just changing"
  fi
}

# The library package depends on nothing, so apt does not notice a library of another compiler.
check_versions() {
  local std rustc
  std=$(dpkg-deb -f "$1"/libstd-rust-dev-wasm32_*.deb Version) && rustc=$(dpkg-deb -f "$1"/rustc_*.deb Version) ||
    die 21 "a downloaded package cannot be read"
  [ "$std" = "$rustc" ] || die 22 "the suite has rustc $rustc but a library for $std" "the mirror is between two versions: try again later, or run \`rustup target add $TARGET\`"
}

# unpack DEBS MULTIARCH LOADER
unpack() {
  say "unpacking"
  local deb
  for deb in "$1"/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" |
      tar -x -C "$PART" --no-same-owner --wildcards --exclude='./usr/share' --exclude='./etc' --exclude='*/gconv' \
        --exclude='*/rustlib/wasm32-unknown-unknown' --exclude='*/rustlib/wasm32-wasip1' ||
      die 23 "cannot unpack $(basename "$deb")" "free some space and try again, or run \`rustup target add $TARGET\`"
    dpkg-deb -W --showformat='${Package} ${Version}\n' "$deb" >>"$PART/packages.txt"
  done
  [ -e "$PART/usr/lib/$2/$3" ] || die 23 "the packages have no $3 where it was expected"
  mkdir -p "$PART/usr/lib/rustlib/$HOST/bin"
}

# Through its own loader, and not LD_LIBRARY_PATH: that would leak into cc, build scripts and linker.
# write_wrapper MULTIARCH LOADER
write_wrapper() {
  cat >"$PART/bin/rustc" <<WRAPPER
#!/bin/sh
r=\$(cd "\$(dirname "\$0")/../usr" && pwd)
exec "\$r/lib/$1/$2" --library-path "\$r/lib/$1" "\$r/bin/rustc" --sysroot "\$r" "\$@"
WRAPPER
  chmod 755 "$PART/bin/rustc"
}

smoke_test() {
  local code=0 dir=$PART/smoke
  "$PART/bin/rustc" -V >/dev/null 2>"$PART/apt/log" || code=$?
  [ $code -ne 126 ] || die 30 "programs in $PART may not be executed (mounted noexec?)" "use a directory on another file system, or run \`rustup target add $TARGET\`"
  [ $code -eq 0 ] || die 30 "the private rustc does not start: $(tail -n 1 "$PART/apt/log")"
  mkdir "$dir"
  printf 'fn main() { println!("{:?}", std::time::SystemTime::now()) }\n' >"$dir/main.rs"
  "$PART/bin/rustc" --edition 2024 -O --target $TARGET -o "$dir/main.wasm" "$dir/main.rs" >"$PART/apt/log" 2>&1 || {
    sed 's/^/  rustc: /' "$PART/apt/log" | tail -n 6 >&2
    die 31 "the private rustc cannot build for $TARGET"
  }
  # The preamble of a component, not of a core module.
  [ "$(od -An -tx1 -N8 "$dir/main.wasm" | tr -d ' \n')" = 0061736d0d000100 ] || die 31 "the linker gave something that is no component"
  rm -rf "$dir"
}

main "$@"
