// Package plugin is a data provider that uses one capability as the subject's id says: `http https://…`, `sql
// statement`, `kv`, …
package plugin

import (
	"io"
	"strings"
	"time"

	"chancery"
	"chancery/files"
	"chancery/http"
	"chancery/kv"
	"chancery/reveal"
	"chancery/secrets"
	"chancery/sign"
	"chancery/sql"
	"chancery/trace"
)

var Plugin = chancery.DataProvider{Name: "people", Version: "0.1.0", Summary: "Uses every capability.", Fetch: fetch}

type claims = map[string]any

func fetch(request *chancery.Request, _ chancery.Config) (*chancery.Data, error) {
	what, rest, _ := strings.Cut(request.Subject.ID, " ")
	found, err := use(what, rest)
	return &chancery.Data{Claims: found}, err
}

func use(what, rest string) (claims, error) {
	switch what {
	case "http":
		return ask(rest)
	case "json":
		response, err := http.Send(http.Request{URL: rest})
		if err != nil {
			return nil, err
		}
		value, err := response.JSON()
		return claims{"json": value}, err
	case "post":
		response, err := http.Send(http.Request{
			Method: "post", URL: "https://registry.example.org/people?all", Body: []byte(strings.Repeat("x", 300000)),
		})
		return claims{"status": response.Status}, err
	case "header":
		return header(rest, "x")
	case "value":
		return header("x-value", "a\r\nb")
	case "sql":
		return run(rest)
	case "kv":
		return remember()
	case "file":
		return read(rest)
	case "secret":
		secret, err := secrets.Get(rest)
		if err != nil {
			return nil, err
		}
		return nil, chancery.NotFound(secret.Name())
	case "reveal":
		value, err := reveal.Reveal(rest)
		if err != nil {
			return nil, err
		}
		return claims{"size": len(value.ExposeText()), "shown": value.String(), "json": value}, nil
	case "sign":
		jwt, err := sign.JWT(rest, claims{"sub": "a"})
		return claims{"jwt": jwt}, err
	case "mac":
		_, err := sign.MAC("registry", []byte("x"))
		return nil, err
	default:
		return claims{"request": trace.RequestID(), "left": trace.Remaining() > time.Second}, nil
	}
}

func ask(url string) (claims, error) {
	response, err := http.Send(http.Request{
		URL: url, Headers: map[string]string{"Accept": "application/json"}, Timeout: 2 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	kind := response.Header("Content-TYPE")
	if kind == "" {
		kind = "none"
	}
	found := claims{"status": response.Status, "size": len(response.Body), "kind": kind}
	found["prefix"] = response.Header("content") != ""
	return found, nil
}

func header(name, value string) (claims, error) {
	_, err := http.Send(http.Request{
		URL: "https://registry.example.org/", Headers: map[string]string{name: value},
	})
	return nil, err
}

func run(statement string) (claims, error) {
	rows, err := sql.Run(statement)
	if err != nil {
		return nil, err
	}
	found := rows.Row(len(rows.Values) - 1)
	found["first"] = rows.First()["id"]
	return found, nil
}

func remember() (claims, error) {
	before, err := kv.Get("a")
	none, errs := kv.Get("b")
	errors := []error{err, errs, kv.Put("c", []byte("new"), time.Second), kv.Put("d", nil, 0), kv.Delete("a")}
	for _, err := range errors {
		if err != nil {
			return nil, err
		}
	}
	again, err := kv.Get("c")
	if err != nil {
		return nil, err
	}
	refused := kv.Put("", []byte("x"), 0)
	utf8 := kv.Put("\xff", []byte("x"), 0)
	return claims{
		"before": before != nil, "none": none != nil, "again": string(again),
		"refused": refused.Error(), "utf8": utf8.Error(),
	}, nil
}

func read(path string) (claims, error) {
	content, err := files.Read(path)
	if err != nil {
		return nil, err
	}
	file, err := files.Open(path)
	if err != nil {
		return nil, err
	}
	end := make([]byte, 100)
	length, _ := file.ReadAt(end, file.Size()-2)
	beyond, failed := file.ReadAt(end, file.Size())
	_, err = chancery.ParseJSON(content)
	return claims{
		"whole": int64(len(content)) == file.Size(), "end": length, "beyond": beyond, "over": failed == io.EOF,
		"json": err == nil,
	}, nil
}
