#!/usr/bin/env bash
# Fuzzes every parser, on stable Rust.
#
#   run.sh [TARGET...]                  all seeds and a number of variants, the same ones every time
#   run.sh --long SECONDS [TARGET...]   random inputs, by libFuzzer: needs a C++ compiler; those that
#                                       reach new code stay in corpus/
#
# The input that stopped a target is in artifacts/. Mend what it shows, and add it to seeds/.
set -euo pipefail
cd "$(dirname "$0")"
how=play
if [ "${1:-}" = --long ]; then
  how=explore
  seconds=${2:?run.sh --long SECONDS [TARGET...]}
  shift 2
fi
target_dir=${CARGO_TARGET_DIR:-$(cd ../.. && pwd)/target}
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -n '/^\[\[bin\]\]/,/^path/s/^name = "\(.*\)"$/\1/p' Cargo.toml)
export RUST_BACKTRACE=0

# Of the whole workspace, so that what the tests have built serves here as well.
build=(cargo build --quiet --locked --workspace "${targets[@]/#/--bin=}" --target-dir "$target_dir")
if [ $how = explore ]; then
  triple=$(rustc -vV | sed -n 's/^host: //p')
  # Coverage is LLVM's own.
  # Crates that ask for no optimisation get some: the more inputs.
  RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1" "${build[@]}" --target "$triple" \
    --config profile.dev.opt-level=1
else
  "${build[@]}"
fi

# Variants for a few seconds on a slow machine.
variants() {
  case $1 in
    pool | session | transcript) echo 500 ;;
    composition | ews_request | mailbox | redaction | schedule) echo 3000 ;;
    *) echo 10000 ;;
  esac
}

explore() {
  mkdir -p "corpus/$1"
  "$target_dir/$triple/debug/$1" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="artifacts/$1/" "corpus/$1" "seeds/$1" >"artifacts/$1.log" 2>&1 &&
    sed -n 's/^stat::number_of_executed_units: *\(.*\)/\1 inputs/p' "artifacts/$1.log"
}

# The time only ends what would never end.
play() {
  timeout 300 "$target_dir/debug/$1" "$(variants "$1")" "seeds/$1" "artifacts/$1/input" 2>"artifacts/$1.log"
}

for name in "${targets[@]}"; do
  mkdir -p "artifacts/$name"
  if ! played=$($how "$name"); then
    tail -n 40 "artifacts/$name.log"
    echo "fuzz: $name failed; its input is in artifacts/$name/"
    exit 1
  fi
  echo "fuzz: $name: $played, none failed"
done
