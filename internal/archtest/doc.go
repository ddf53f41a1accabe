// Package archtest holds no code for the program: its tests hold the tree to
// its shape. They fail on an import between our packages that the table in
// arch_test.go does not allow, on a package that the table does not know, and
// on the name of a dialect outside the folders that may know dialects.
//
// A new package starts with a row in that table.
package archtest
