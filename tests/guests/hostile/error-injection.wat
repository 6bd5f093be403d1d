;; Refuses with words that would forge a line of the log.
(data (i32.const 2048) "no\r\n2026-11-28 ERROR host: all is lost\1b[2J")
(func (export "plan") (param $arguments i32) (result i32)
  (i32.store (i32.const 16) (i32.const 1))
  (i32.store (i32.const 20) (i32.const 2048))
  (i32.store (i32.const 24) (i32.const 42))
  (i32.const 16))
