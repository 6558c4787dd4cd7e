package http

import (
	"fmt"
	"strings"
)

// What a path or a query may hold as it is (RFC 3986), besides letters and digits; a percent sign begins an encoded
// byte.
const literal = "-._~!$&'()*+,;=/:@?%"

// An address as wasi:http wants it.
type address struct {
	https           bool
	authority, path string
}

// What two readers could understand differently is refused: a user, a fragment, dot segments, and characters that have
// to be percent-encoded.
func split(url string) (address, *Error) {
	scheme, rest, _ := strings.Cut(url, "://")
	scheme = strings.ToLower(scheme)
	if rest == "" && !strings.Contains(url, "://") || scheme != "https" && scheme != "http" {
		return address{}, failed(BadRequest, "the URL must begin with https:// or http://")
	}
	authority, path := rest, ""
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority, path = rest[:end], rest[end:]
	}
	if err := checkAuthority(authority); err != nil {
		return address{}, err
	}
	if err := checkPath(path); err != nil {
		return address{}, err
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return address{https: scheme == "https", authority: strings.ToLower(authority), path: path}, nil
}

func checkAuthority(authority string) *Error {
	if strings.Contains(authority, "@") {
		return failed(BadRequest, "the URL must have no user or password")
	}
	for index := range len(authority) {
		if letter := authority[index]; !isAlphanumeric(letter) && strings.IndexByte("-._:[]", letter) < 0 {
			return failed(BadRequest, "the URL's host is not valid")
		}
	}
	if authority == "" {
		return failed(BadRequest, "the URL's host is missing")
	}
	return nil
}

func checkPath(path string) *Error {
	for index := range len(path) {
		letter := path[index]
		fits := isAlphanumeric(letter) || strings.IndexByte(literal, letter) >= 0
		if !fits || letter == '%' && !isEncoded(path[index+1:]) {
			what := fmt.Sprintf("%q in the URL must be percent-encoded: use http.Escape(value)", rune(letter))
			return failed(BadRequest, what)
		}
	}
	before, _, _ := strings.Cut(path, "?")
	plain := strings.ReplaceAll(strings.ToLower(before), "%2e", ".")
	for segment := range strings.SplitSeq(plain, "/") {
		if segment == "." || segment == ".." {
			return failed(BadRequest, "the URL's path must have no . or .. segments")
		}
	}
	return nil
}

func isEncoded(rest string) bool {
	return len(rest) >= 2 && isHexadecimal(rest[0]) && isHexadecimal(rest[1])
}

func isHexadecimal(letter byte) bool {
	return letter >= '0' && letter <= '9' || letter >= 'a' && letter <= 'f' || letter >= 'A' && letter <= 'F'
}

func isAlphanumeric(letter byte) bool {
	return letter >= '0' && letter <= '9' || letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z'
}
