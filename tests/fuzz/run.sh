#!/usr/bin/env bash
# Fuzzes every parser for a bounded time, on stable Rust: run.sh [SECONDS [TARGET...]]
# Coverage is LLVM's own; needs a C++ compiler. What crashes is kept in artifacts/.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-10}
shift || true
target_dir=${CARGO_TARGET_DIR:-target}
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | grep -v '^fuzz$')
triple=$(rustc -vV | sed -n 's/^host: //p')
export RUST_BACKTRACE=0
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
cargo build --quiet "${targets[@]/#/--bin=}" --target "$triple" --target-dir "$target_dir"
for name in "${targets[@]}"; do
  mkdir -p "corpus/$name" "artifacts/$name"
  "$target_dir/$triple/debug/$name" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="artifacts/$name/" "corpus/$name" "seeds/$name" \
    >"artifacts/$name.log" 2>&1 || { tail -n 40 "artifacts/$name.log"; echo "fuzz: $name failed; its input is in artifacts/$name/"; exit 1; }
  echo "fuzz: $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "artifacts/$name.log") inputs in $seconds s, none crashed"
done
