// Package examples has programs to copy from, each run by the command on its page against `smpp-connector demo`. The tests here run
// those very commands.
//
// What a program needs of npm, Maven Central or PyPI is fetched once a machine into the user's cache; without Node, Java or Python its
// test is skipped with the reason, or fails where SMPP_TEST_REQUIRE names it.
package examples
