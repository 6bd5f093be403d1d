;; Names the first member in two groups.
(func (export "plan") (param $arguments i32) (result i32)
  (call $group (i32.const 128) (i32.const 0) (i32.const 256) (i32.const 7)
    (call $ids (local.get $arguments)) (i32.const 1))
  (call $group (i32.const 148) (i32.const 3) (i32.const 256) (i32.const 7)
    (call $ids (local.get $arguments)) (i32.const 1))
  (call $groups (i32.const 128) (i32.const 2)))
