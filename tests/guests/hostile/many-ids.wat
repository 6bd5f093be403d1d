;; Plans for three million ids.
(func (export "plan") (param $arguments i32) (result i32)
  (drop (memory.grow (i32.const 200)))
  (call $group (i32.const 128) (i32.const 0) (i32.const 256) (i32.const 7)
    (i32.const 131072) (i32.const 3000000))
  (call $groups (i32.const 128) (i32.const 1)))
