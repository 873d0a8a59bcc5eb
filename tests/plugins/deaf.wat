(func $main (param $body i32) (result i32)
  (call $emit (i32.const 1072) (i32.const 12) (i32.const 0) (i32.const 0) (i32.const 256))
  (i32.const 0))
