{% set target = "a file and to a collector" if wants.journal and wants.http else "a collector" if wants.http else "a file" %}
// Package plugin is {{ title }}: takes audit events to {{ target }}.
//
// Events come in order, each at least once. By default every call has a fresh sandbox; an operator may let calls share
// one (`instance = "warm"`). Rely on neither: keep nothing between calls.
package plugin

import (
{% if wants.journal %}
	"errors"
{% endif %}
{% if wants.http %}
	"fmt"
	"time"
{% endif %}

	"chancery"
{% if wants.http %}
	"chancery/http"
{% endif %}
{% if wants.journal %}
	"chancery/journal"
{% endif %}
	"chancery/log"
)
{% if wants.http %}

// For one request. The whole call has 5 s, unless the grant file says otherwise.
const timeout = 3 * time.Second
{% endif %}

// Plugin is what the host calls.
var Plugin = chancery.AuditSink{
	Name:    "{{ name }}",
	Version: "0.1.0",
	Summary: "Takes audit events to {{ target }}.",

{% if wants.http %}
	Validate: validate,
{% endif %}
{% if wants.journal %}
	{{ "Health:   health," if wants.http else "Health:  health," }}
{% endif %}
	{{ "Deliver:  deliver," if wants.http else "Deliver: deliver," }}
}
{% if wants.http %}

// All faults at once: the operator mends them in one go.
func validate(config chancery.Config) []chancery.Problem {
	if http.CheckURL(config.Text("collector")) == nil {
		return nil
	}
	message := "must be the collector's URL, such as https://collector.example.org/events"
	return []chancery.Problem{{ "{{" }}Path: "/collector", Message: message{{ "}}" }}
}
{% endif %}
{% if wants.journal %}

// The host asks before it lets the plugin serve. The error says why it cannot.
func health(chancery.Config) error {
	_, err := journal.Size()
	return err
}
{% endif %}

func deliver(events []chancery.Event, {{ "config" if wants.http else "_" }} chancery.Config) (*chancery.Receipt, error) {
{% if wants.journal and wants.http %}
	// After an error the whole batch comes again, to the file too: readers know events by their id.
	if err := write(events); err != nil {
		return nil, err
	}
	return post(events, config)
{% elif wants.http %}
	return post(events, config)
{% else %}
	if err := write(events); err != nil {
		return nil, err
	}
	log.Info("written", "events", len(events))
	// What the receipt does not name, and everything after an error, is delivered again.
	return chancery.AllDelivered(events), nil
{% endif %}
}
{% if wants.journal %}

// Writes one JSON object a line. They are on disk when this returns.
func write(events []chancery.Event) error {
	var lines [][]byte
	for _, event := range events {
		// Line breaks inside of values are escaped in JSON.
		line, err := chancery.WriteJSON(event)
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	err := journal.AppendLines(lines)
	var refused *journal.Error
	if !errors.As(err, &refused) || refused.Kind != journal.Full {
		return err
	}
	// The file has its full size: the next one begins.
	if err := journal.Rotate(); err != nil {
		return err
	}
	return journal.AppendLines(lines)
}
{% endif %}
{% if wants.http %}

// Sends the events as a JSON array. Where there is no answer, the error of http makes all of them come again.
func post(events []chancery.Event, config chancery.Config) (*chancery.Receipt, error) {
	request := http.Request{Method: "POST", URL: config.Text("collector"), JSON: events, Timeout: timeout}
	response, err := http.Send(request)
	if err != nil {
		return nil, err
	}
	status := response.Status
	log.Info("sent", "status", status)
	answered := fmt.Sprintf("the collector answered %d", status)
	switch {
	case status >= 200 && status < 300:
		return chancery.AllDelivered(events), nil
	case status >= 400 && status < 500 && status != 429:
		// Never taken, however often they come: the operator reads why.
		return chancery.AllRejected(events, answered), nil
	default:
		// The whole batch is delivered again.
		return nil, chancery.Unavailable("The collector does not answer at the moment.").With("%s", answered)
	}
}
{% endif %}
