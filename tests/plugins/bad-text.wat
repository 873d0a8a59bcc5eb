(func $main (param $body i32) (result i32)
  (call $log (i32.const 2) (i32.const 1096) (i32.const 4))
  (i32.const 0))
