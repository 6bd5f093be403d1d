#!/bin/bash
# Builds the examples in Python and JavaScript, each without WASI and with it, and proves that the
# host runs them and that all headlines say the same as each other, byte for byte.
#
#   guest/examples/build.sh [FOLDER]   leaves the components in FOLDER
#
# Installs componentize-py, componentize-qjs, jco and componentize-js under guest/examples/target if
# they are not in the path; a language whose package manager is missing is skipped, and said to be.
# HOST_TARGET_DIR is where the host's test is built. The first run takes minutes: Python is large.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
out=${1:-$here/target/built}
tools=$here/target/tools
mkdir -p "$out" "$tools"
out=$(cd "$out" && pwd)
rm -f "$out"/headline*.wasm

# Prints where a tool is, and installs it if need be: name, its place under $tools, how to install.
tool() {
  command -v "$1" || { [[ -x $tools/$2 ]] || (cd "$tools" && eval "$3") >&2; echo "$tools/$2"; } 2>/dev/null
}

python() {
  local py
  command -v python3 >/dev/null || { echo "headline-python: skipped, there is no python3"; return; }
  py=$(tool componentize-py py/bin/componentize-py \
    "python3 -m venv py && py/bin/pip install --quiet componentize-py==0.25.1")
  [[ -x $py ]] || { echo "headline-python: skipped, componentize-py cannot be installed"; return; }
  cd "$here/headline-python"
  "$py" -d "$root/wit/0.3.0" -w guest componentize app -s -o "$out/headline-python.wasm"
  "$py" -d "$root/wit/0.3.0" -w guest componentize app -o "$out/headline-python-wasi.wasm"
}

# By all that makes components of JavaScript: jco runs componentize-qjs as well, and componentize-js takes
# another engine, StarlingMonkey.
js() {
  local qjs jco starling wit=$root/wit/0.3.0
  command -v npm >/dev/null || { echo "headline-js: skipped, there is no npm"; return; }
  qjs=$(tool componentize-qjs js/node_modules/.bin/componentize-qjs \
    "npm install --silent --prefix js componentize-qjs@0.4.5")
  [[ -x $qjs ]] || { echo "headline-js: skipped, componentize-qjs cannot be installed"; return; }
  jco=$(tool jco jco/node_modules/.bin/jco "npm install --silent --prefix jco @bytecodealliance/jco@1.35.0")
  starling=$(tool componentize-js starling/node_modules/.bin/componentize-js \
    "npm install --silent --prefix starling @bytecodealliance/componentize-js@0.23.0")
  cd "$here/headline-js"
  "$qjs" -w "$wit" -j app.js -n guest --sync --stub-wasi -o "$out/headline-js.wasm"
  "$qjs" -w "$wit" -j app.js -n guest --sync -o "$out/headline-js-wasi.wasm"
  if [[ -x $jco ]]; then
    "$jco" componentize app.js -w "$wit" -n guest \
      --backend qjs --backend-qjs-disable-async --backend-qjs-stub-wasi -o "$out/headline-jco.wasm"
  else
    echo "headline-jco: skipped, jco cannot be installed"
  fi
  if [[ -x $starling ]]; then
    "$starling" app.js -w "$wit" -n guest -d stdio random clocks http fetch-event -o "$out/headline-starling.wasm"
    "$starling" app.js -w "$wit" -n guest -o "$out/headline-starling-wasi.wasm"
  else
    echo "headline-starling: skipped, componentize-js cannot be installed"
  fi
}

# The one in Rust is built by guest/build.sh.
rust() {
  local built
  built=$(find "$root/guest/prebuilt" "$here" -path "$here/target" -prune -o -name '*headline.wasm' -print | head -n 1)
  [[ -n $built ]] || { echo "headline: skipped, run guest/build.sh first"; return; }
  cp "$built" "$out/headline.wasm"
}

(python)
(js)
(rust)
wc -c "$out"/headline*.wasm
[[ -z ${HOST_TARGET_DIR:-} ]] || export CARGO_TARGET_DIR=$HOST_TARGET_DIR
cd "$root"
GUEST_EXAMPLES=$out cargo test --quiet --locked --package host --lib -- \
  --exact --ignored authoring::same::headlines_of_all_languages_say_the_same
