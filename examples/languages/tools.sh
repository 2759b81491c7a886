# What the build scripts share; each begins by sourcing this. A tool chain comes from a package registry, pinned and
# checked by its hash, into the user's cache folder; nothing else of the machine is touched.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[1]}")"
language=$(basename "$PWD")
wit=$PWD/../../../guest-sdk/wit
cache=${XDG_CACHE_HOME:-$HOME/.cache}/fleetstep-languages
modules=${FLEETSTEP_MODULES:-$PWD/../modules}
mkdir -p "$modules" "$cache"
modules=$(cd "$modules" && pwd)
module=$modules/$language.wasm

# The files that decide what the module is.
digest() { cat -- build ../tools.sh "$@" | sha256sum | cut -c 1-16; }

# up_to_date FILE...: whether the module was built from these.
up_to_date() { [ -f "$module" ] && [ "$(cat "$modules/$language.built" 2>/dev/null)" = "$(digest "$@")" ]; }

# built FILE...: the module is.
built() {
  digest "$@" > "$modules/$language.built"
  printf '%s: %s KiB\n' "$language" "$(($(wc -c < "$module") / 1024))"
}

# installed COMMAND FILE...: a folder of the cache that is named after what the files say is in it. Where there is none,
# the command fills one beside it: what is there is whole, whoever else installs the same.
installed() {
  local command=$1 folder new
  shift
  folder=$cache/$language-$(digest "$@")
  if [ ! -d "$folder" ]; then
    new=$(mktemp -d "$folder.XXXXXX")
    "$command" "$new"
    mv -T "$new" "$folder" 2>/dev/null || rm -rf "$new"
  fi
  printf '%s\n' "$folder"
}

from_pypi() {
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps \
    --only-binary=:all: --require-hashes \
    --requirement requirements.txt --target "$1" >&2
}

from_npm() {
  cp package.json package-lock.json *.mjs "$1"
  (cd "$1" && npm ci --silent --no-audit --no-fund --ignore-scripts) >&2
}
