// Package plugin is {{ title }}: gets credentials that another issuer makes and signs.
//
// By default every call has a fresh sandbox; an operator may let calls of one issuer share one (`instance = "warm"`).
// Rely on neither: keep nothing between calls. The host verifies each credential before a wallet gets it.
package plugin

import (
	"encoding/json"
	"strings"
	"time"

	"chancery"
	"chancery/http"
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
)

const (
	// For one request. The whole call has 5 s, unless the grant file says otherwise.
	timeout = 3 * time.Second

	// When the host asks again, where the issuer does not say, and the longest that it can say, in seconds.
	retryAfter    = 30
	maxRetryAfter = 86400
)

// Plugin is what the host calls.
var Plugin = chancery.VCIssuer{
	Name:    "{{ name }}",
	Version: "0.1.0",
	Summary: "Gets credentials from another issuer.",

	Validate: validate,
{% if wants.secrets %}
	Health:   health,
{% endif %}
	Issue:    issue,
	Poll:     poll,
}

// All faults at once: the operator mends them in one go.
func validate(config chancery.Config) []chancery.Problem {
	if http.CheckURL(config.Text("issuer")) == nil {
		return nil
	}
	message := "must be the issuer's base URL, such as https://issuer.example.org"
	return []chancery.Problem{{ "{{" }}Path: "/issuer", Message: message{{ "}}" }}
}
{% if wants.secrets %}

// The host asks before it lets the plugin serve. The error says why it cannot.
func health(chancery.Config) error {
	_, err := secrets.Get("registry-token")
	return err
}
{% endif %}

func issue(request *chancery.Request, holder *chancery.Holder, config chancery.Config) (chancery.Issuance, error) {
	order := map[string]any{
		"configuration": request.ConfigurationID,
		"format":        request.Format,
		"subject":       request.Subject.ID,
		// Whom the credential is to be bound to; null where no proof was asked for.
		"holder": nil,
		// The same for each repetition: nothing is issued twice.
		"request_id": request.RequestID,
	}
	if holder.ID != "" {
		order["holder"] = holder.ID
	}
	headers, err := headers({{ "request.Subject.ID" if wants.sign }})
	if err != nil {
		return nil, err
	}
	response, err := http.Send(http.Request{
		Method: "POST", URL: address(config), Headers: headers, JSON: order, Timeout: timeout,
	})
	if err != nil {
		return nil, err
	}
	log.Info("asked for", "status", response.Status)
	return issuance(response, request.Format)
}

// Another sandbox than that of issue: what has to be known stands in the token.
func poll(request *chancery.PollRequest, config chancery.Config) (chancery.Issuance, error) {
	format, ticket, _ := strings.Cut(string(request.Token), " ")
	if format == "" || ticket == "" {
		return nil, chancery.Internal("The ticket cannot be read.")
	}
	headers, err := headers({{ "ticket" if wants.sign }})
	if err != nil {
		return nil, err
	}
	response, err := http.Send(http.Request{
		URL: address(config) + "/" + http.Escape(ticket), Headers: headers, Timeout: timeout,
	})
	if err != nil {
		return nil, err
	}
	log.Info("asked again", "status", response.Status)
	return issuance(response, format)
}

func address(config chancery.Config) string {
	return strings.TrimRight(config.Text("issuer"), "/") + "/credentials"
}

func headers({{ "about string" if wants.sign }}) (map[string]string, error) {
	headers := map[string]string{"accept": "*/*"}
{% if wants.sign %}
	// The signing key stays in the host.
	assertion, err := sign.JWT("registry", map[string]any{"sub": about})
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
	return headers, nil
}

// What the other issuer's answer means. Where there is none, the error of http says so.
func issuance(response *http.Response, format string) (chancery.Issuance, error) {
	status := response.Status
	switch {
	case (status == 200 || status == 201) && len(response.Body) > 0:
		return &chancery.Credential{Format: format, Body: response.Body}, nil
	case status == 202:
		return ticket(response, format)
	case status == 404:
		return nil, chancery.NotFound("This person is not registered.")
	case status >= 400 && status < 500 && status != 429:
		return nil, chancery.Denied("The issuer does not issue this credential.").With("it answered %d", status)
	default:
		return nil, unavailable().With("it answered %d with %d bytes", status, len(response.Body))
	}
}

// A promise: {"ticket": "…", "retry_after": seconds}.
func ticket(response *http.Response, format string) (chancery.Issuance, error) {
	body, err := response.JSON()
	if err != nil {
		return nil, err
	}
	promise, _ := body.(map[string]any)
	name, _ := promise["ticket"].(string)
	if name == "" {
		return nil, unavailable().With("its 202 has no ticket")
	}
	seconds := int64(retryAfter)
	if number, is := promise["retry_after"].(json.Number); is {
		if said, err := number.Int64(); err == nil && said >= 1 && said <= maxRetryAfter {
			seconds = said
		}
	}
	return &chancery.Ticket{Token: []byte(format + " " + name), RetryAfter: time.Duration(seconds) * time.Second}, nil
}

// The first text may be shown to the holder; a detail is for the operator's log.
func unavailable() *chancery.Error {
	return chancery.Unavailable("The issuer does not answer at the moment.")
}
