package main

import "unsafe"

// How a reactor is called: the host asks for room for the event, writes it there, and calls `handle`, which gives the
// address of a `result<string, task-error>`. A call owns the memory that it asked for until the next one begins.

// taskError is an error that a workflow sees by its name.
type taskError struct{ name, message string }

func (e taskError) Error() string { return e.message }

var (
	event []byte
	texts [2][]byte
	// 0 and the result, or 1 with the error's name and message; a text is its address and its length.
	result [5]uint32
)

//go:wasmexport cabi_realloc
func realloc(_, _, _, size uint32) uint32 {
	event = make([]byte, max(size, 1))
	return address(event)
}

//go:wasmexport handle
func handle(_, size uint32) uint32 {
	answer, err := task(event[:size])
	if err == nil {
		texts = [2][]byte{answer}
		result = [5]uint32{0, address(answer), uint32(len(answer))}
	} else {
		name := "Runtime.ExitError"
		if err, ok := err.(taskError); ok {
			name = err.name
		}
		texts = [2][]byte{[]byte(name), []byte(err.Error())}
		result = [5]uint32{1, address(texts[0]), uint32(len(texts[0])), address(texts[1]), uint32(len(texts[1]))}
	}
	return uint32(uintptr(unsafe.Pointer(&result)))
}

func address(bytes []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(bytes)))) }

func main() {}
