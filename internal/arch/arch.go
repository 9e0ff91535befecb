// Package arch holds the tests which say who may import whom, and what a pure
// package may not ask of the world. It has no code of its own; its tests need
// the go command, and nothing else of the machine.
package arch
