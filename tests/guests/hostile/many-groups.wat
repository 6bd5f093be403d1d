;; Plans 10,001 groups.
(func (export "plan") (param $arguments i32) (result i32)
  (local $groups i32) (local $number i32)
  (local.set $groups (call $alloc (i32.const 200020)))
  (loop $next
    (call $group (i32.add (local.get $groups) (i32.mul (local.get $number) (i32.const 20)))
      (i32.const 3) (i32.const 256) (i32.const 7) (i32.const 0) (i32.const 0))
    (local.set $number (i32.add (local.get $number) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $number) (i32.const 10001))))
  (call $groups (local.get $groups) (i32.const 10001)))
