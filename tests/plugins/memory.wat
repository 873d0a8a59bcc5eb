(func $main (param $body i32) (result i32)
  (loop $again (br_if $again (i32.ne (i32.const -1) (memory.grow (i32.const 16)))))
  unreachable)
