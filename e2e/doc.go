// Package e2e tests the whole program: the binary as it is shipped, in processes of its own, against real servers. It has no
// code but tests.
//
// Design. TestMain builds the program once. A test makes a home (home_test.go): a folder with data, configuration and files of
// its own, in which commands run as an administrator would type them. What the how-to pages of docs/how-to show is what the
// tests run: a page is read, its commands go to a shell as they stand (page_test.go), so a page that is wrong fails a test.
// What came out is read from the target itself and compared with what the directory says, never with what the program says
// about it (organisation_test.go).
//
// Nothing waits for a fixed time: tests wait for output, for a signal of the peer, or for a state that they look at, until a
// deadline that only a failure reaches.
package e2e
