(func $main (param $body i32) (result i32)
  (call $emit (i32.const 1024) (i32.const 3) (i32.const 1024) (i32.const 3) (i32.const 256))
  (i32.const 0))
