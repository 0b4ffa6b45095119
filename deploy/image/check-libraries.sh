#!/bin/sh
# Fails unless the system has what native modules need, so that a base image that does not fit ends the build
# and not the first start on a GPU.
#
# usage: check-libraries.sh FOLDER [LIBRARY…]
#   FOLDER   every native file under it must find each library that it links
#   LIBRARY  a library that is loaded on demand only, e.g. libcudnn.so.9: ldd does not know of it
set -eu

# Part of the GPU's driver, which belongs to the host: the container runtime mounts it at the start.
from_driver='^[[:space:]]*libcuda\.so\.1 => not found$'

folder=$1
shift
failed=0

fail() {
  echo "check-libraries: $*" >&2
  failed=1
}

files=$(find "$folder" -type f \( -name '*.node' -o -name '*.so' -o -name '*.so.*' \))
[ -n "$files" ] || fail "no native file under $folder"

for file in $files; do
  # A library of the wrong version is reported as an error, and a file for another platform by the exit code.
  linked=$(ldd "$file" 2>&1) || fail "$file: $linked"
  missing=$(echo "$linked" | grep 'not found' | grep -v "$from_driver" || true)
  [ -z "$missing" ] || fail "$file:
$missing"
done

for library in "$@"; do
  # Not through grep -q: it would end the pipe early.
  /sbin/ldconfig -p | grep -F "$library " >/dev/null || fail "$library is not installed"
done

[ "$failed" = 0 ] || exit 1
echo "check-libraries: $(echo "$files" | wc -l) native files find their libraries"
