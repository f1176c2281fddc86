// Package differential holds the texts of internal/sms against other makers': npm's
// smpp, and Python's smpplib, gsmcodecs and codecs. Where theirs are known to be
// wrong the tests say so, by character.
//
// Without Node or Python a test is skipped and says so; with SMPP_TEST_REQUIRE it
// fails instead.
package differential
