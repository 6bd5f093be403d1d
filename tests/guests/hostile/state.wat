;; Counts its calls in memory and in a global, and would show the count as its reason.
(global $calls (mut i32) (i32.const 0))
(data (i32.const 2048) "0")
(func (export "plan") (param $arguments i32) (result i32)
  (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
  (i32.store8 (i32.const 2048) (i32.add (i32.load8_u (i32.const 2048)) (global.get $calls)))
  (call $all (local.get $arguments) (i32.const 2048) (i32.const 1)))
