{% set source = "sql" if wants.sql else "http" if wants.http else "files" if wants.files else "config" %}
{% set asks_config = source in ["http", "config"] %}
{% set asks_id = source != "sql" %}
{% set summary = {"sql": "Tells what a database knows about a person.", "http": "Asks a registry about a person.", "files": "Tells what a file knows about a person.", "config": "Tells what the grant file knows about a person."}[source] %}
// Package plugin is {{ title }}: what {{ {"sql": "a database", "http": "a registry", "files": "a file", "config": "the grant file"}[source] }} knows about a person.
//
// By default every call has a fresh sandbox; an operator may let calls of one issuer share one (`instance = "warm"`).
// Rely on neither: keep nothing between calls.
package plugin

import (
{% if source == "config" %}
	"maps"
	"slices"
{% endif %}
{% if source == "http" %}
	"strings"
{% endif %}
{% if source == "http" or wants.kv %}
	"time"
{% endif %}
{% if source in ["config", "http"] or wants.kv %}

{% endif %}
	"chancery"
{% if source == "files" %}
	"chancery/files"
{% endif %}
{% if source == "http" %}
	"chancery/http"
{% endif %}
{% if wants.kv %}
	"chancery/kv"
{% endif %}
	"chancery/log"
{% if wants.reveal %}
	"chancery/reveal"
{% endif %}
{% if wants.secrets %}
	"chancery/secrets"
{% endif %}
{% if wants.sign %}
	"chancery/sign"
{% endif %}
{% if source == "sql" %}
	"chancery/sql"
{% endif %}
)
{% if source == "http" %}

// For one request. The whole call has 5 s, unless the grant file says otherwise.
const timeout = 3 * time.Second
{% endif %}
{% if wants.kv %}

// How long the cache keeps a person.
const kept = time.Minute
{% endif %}

// Plugin is what the host calls.
var Plugin = chancery.DataProvider{
	Name:    "{{ name }}",
	Version: "0.1.0",
	Summary: "{{ summary }}",
{% if asks_config %}

	Validate: validate,
{% endif %}
{% if wants.secrets %}
{% if not asks_config %}

{% endif %}
	{{ "Health:   health," if asks_config else "Health: health," }}
{% endif %}
{% if asks_config %}
	Fetch:    fetch,
{% elif wants.secrets %}
	Fetch:  fetch,
{% else %}

	Fetch: fetch,
{% endif %}
}
{% if source == "config" %}

// All faults at once: the operator mends them in one go.
func validate(config chancery.Config) []chancery.Problem {
	var problems []chancery.Problem
	for _, id := range slices.Sorted(maps.Keys(config)) {
		person, _ := config[id].(map[string]any)
		if _, named := person["given_name"].(string); !named {
			problems = append(problems, chancery.Problem{
				Path:    chancery.Pointer(id),
				Message: "must be a table with at least given_name, a text",
			})
		}
	}
	return problems
}
{% elif source == "http" %}

// All faults at once: the operator mends them in one go.
func validate(config chancery.Config) []chancery.Problem {
	if http.CheckURL(config.Text("registry")) == nil {
		return nil
	}
	message := "must be the registry's base URL, such as https://registry.example.org"
	return []chancery.Problem{{ "{{" }}Path: "/registry", Message: message{{ "}}" }}
}
{% endif %}
{% if wants.secrets %}

// The host asks before it lets the plugin serve. The error says why it cannot.
func health(chancery.Config) error {
	_, err := secrets.Get("registry-token")
	return err
}
{% endif %}

func fetch(request *chancery.Request, {{ "config" if asks_config else "_" }} chancery.Config) (*chancery.Data, error) {
	claims, err := {{ "remembered" if wants.kv else "person" }}({{ "request.Subject.ID" if asks_id or wants.kv }}{{ ", config" if asks_config }})
	if err != nil {
		return nil, err
	}
{% if wants.sign and source != "http" %}
	// The key stays in the host.
	assertion, err := sign.JWT("registry", map[string]any{"sub": request.Subject.ID})
	if err != nil {
		return nil, err
	}
	claims["assertion"] = assertion
{% endif %}
{% if wants.reveal and source != "http" %}
	// The value is in the plugin now: never log it, never answer with it.
	token, err := reveal.Reveal("registry-token")
	if err != nil {
		return nil, err
	}
	claims["token_length"] = len(token.Expose())
{% endif %}
	// No personal data in logs.
	log.Info("looked up", "source", "{{ source }}")
	return &chancery.Data{Claims: claims}, nil
}
{% if source == "sql" %}

// Runs the statement of the grant file. Whom it is about is filled in by the host there (@subject.id), so no mistake in
// here can ask about somebody else.
func person() (map[string]any, error) {
	rows, err := sql.Run("person_by_id")
	if err != nil {
		return nil, err
	}
	found := rows.First()
	if found == nil {
		return nil, chancery.NotFound("This person is not registered.")
	}
	found["source"] = "sql"
	return found, nil
}
{% elif source == "http" %}

// Asks the registry. Where there is no answer, the error of http tells the host that it is unavailable.
func person(id string, config chancery.Config) (map[string]any, error) {
	// Whatever an id holds, it stays one segment of the path.
	url := strings.TrimRight(config.Text("registry"), "/") + "/people/" + http.Escape(id)
	if http.CheckURL(url) != nil {
		return nil, chancery.NotFound("This person is not registered.")
	}
	headers := map[string]string{"accept": "application/json"}
{% if wants.sign %}
	// The key stays in the host.
	assertion, err := sign.JWT("registry", map[string]any{"sub": id})
	if err != nil {
		return nil, err
	}
	headers["authorization"] = "Bearer " + assertion
{% endif %}
{% if wants.reveal %}
	// The value is in the plugin now: never log it, never answer with it.
	token, err := reveal.Reveal("registry-token")
	if err != nil {
		return nil, err
	}
	headers["x-api-key"] = token.ExposeText()
{% endif %}
	response, err := http.Send(http.Request{URL: url, Headers: headers, Timeout: timeout})
	if err != nil {
		return nil, err
	}
	if response.Status == 404 {
		return nil, chancery.NotFound("This person is not registered.")
	}
	// The first text may be shown to the holder; the detail is for the operator's log.
	unavailable := chancery.Unavailable("The registry does not answer at the moment.")
	if response.Status != 200 {
		return nil, unavailable.With("it answered %d", response.Status)
	}
	body, err := response.JSON()
	if err != nil {
		return nil, err
	}
	found, is := body.(map[string]any)
	if !is {
		return nil, unavailable.With("its JSON is no object")
	}
	found["source"] = "http"
	return found, nil
}
{% elif source == "files" %}

// Looks into the granted file: one JSON object, people by their ids.
func person(id string) (map[string]any, error) {
	text, err := files.Read("/people.json")
	if err != nil {
		return nil, err
	}
	content, err := chancery.ParseJSON(text)
	if err != nil {
		return nil, chancery.Misconfigured("The file cannot be used.").With("people.json: %v", err)
	}
	people, _ := content.(map[string]any)
	found, known := people[id].(map[string]any)
	if !known {
		return nil, chancery.NotFound("This person is not registered.")
	}
	found["source"] = "files"
	return found, nil
}
{% else %}

// Looks into the operator's [config]: people by their ids.
func person(id string, config chancery.Config) (map[string]any, error) {
	found, known := config[id].(map[string]any)
	if !known {
		return nil, chancery.NotFound("This person is not registered.")
	}
	found["source"] = "config"
	return found, nil
}
{% endif %}
{% if wants.kv %}

// The person from the cache where it knows them. It may fail or forget: that costs time only.
func remembered(id string{{ ", config chancery.Config" if asks_config }}) (map[string]any, error) {
	key := "person:" + id
	cached, err := kv.Get(key)
	if err != nil {
		log.Debug("not asked", "reason", err)
	}
	if value, err := chancery.ParseJSON(cached); err == nil {
		if claims, is := value.(map[string]any); is {
			return claims, nil
		}
	}
	claims, err := person({{ [("id" if asks_id), ("config" if asks_config)]|select|join(", ") }})
	if err != nil {
		return nil, err
	}
	text, err := chancery.WriteJSON(claims)
	if err == nil {
		err = kv.Put(key, text, kept)
	}
	if err != nil {
		log.Debug("not kept", "reason", err)
	}
	return claims, nil
}
{% endif %}
