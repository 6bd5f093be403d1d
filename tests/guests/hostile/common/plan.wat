(func (export "plan") (param $arguments i32) (result i32)
  (call $all (local.get $arguments) (i32.const 256) (i32.const 7)))
