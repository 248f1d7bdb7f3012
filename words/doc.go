// Package words is how things read: attributes and their values, kinds and states of rows, harm, durations and numbers. Every
// surface says the same in the same words, since all of them ask here: the command line, the API, the console, the plan's own
// sentences.
//
// Design. Pure functions of values. Words knows neither plans nor jobs: whoever has one hands in the parts. Texts are English.
//
// Invariants. There is a word for every kind, state and harm that package rule lists, and words_test.go fails for one that has
// none. What comes from outside passes through Clean before a terminal shows it, and through Cell before a spreadsheet reads it.
package words
