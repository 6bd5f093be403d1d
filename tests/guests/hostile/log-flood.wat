;; Logs without end.
(import "chat-digest:guest/log@0.3.0" "write" (func $write (param i32 i32 i32)))
(func (export "plan") (param $arguments i32) (result i32)
  (loop $again
    (call $write (i32.const 2) (i32.const 256) (i32.const 7))
    (br $again))
  unreachable)
