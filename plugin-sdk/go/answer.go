package chancery

import "time"

// Data is what the source knows about a subject.
type Data struct {
	// Claims are the data of the credential configuration's template: a map or a struct that encoding/json makes an
	// object of. Numbers fit 64 bits; decimals are texts.
	Claims any
	// Attachments are values that are too large for JSON.
	Attachments []Attachment
	// ValidUntil says until when the source vouches for the data: the credential's validity does not go beyond it.
	// The zero time is no limit.
	ValidUntil time.Time
}

// Attachment is a value too large for JSON, such as a photograph. Templates refer to it as data.<name>.
type Attachment struct {
	// Name is one that Claims do not use. Unique within an answer.
	Name string
	// MediaType is an IANA media type such as image/jpeg.
	MediaType string
	// Content may hold 16 MiB for all attachments of one call together.
	Content []byte
}

// Issuance is where an issuance stands: a *[Credential] or a *[Ticket].
type Issuance interface{ issuance() }

// Credential is a signed credential.
type Credential struct {
	// Format is OpenID4VCI's identifier of the body's format; must be the one that was asked for.
	Format string
	// Body is the credential as it goes to the wallet, byte for byte.
	Body []byte
	// ExternalID is the other issuer's name for it, for later status questions. Optional.
	ExternalID string
	// Metadata is for the host's record: issuer, valid_from, valid_until. Optional.
	Metadata map[string]any
}

// Ticket is a promise of a credential that is not ready: the host calls Poll with the token later.
type Ticket struct {
	// Token is whatever Poll needs to go on; opaque to the host, which keeps it sealed. At most 16 KiB.
	Token []byte
	// RetryAfter says when to ask again.
	RetryAfter time.Duration
}

func (*Credential) issuance() {}
func (*Ticket) issuance()     {}

// Outcome is how an action ended.
type Outcome string

// Succeeded: it was done. Denied: it was refused by a rule or by lack of permission. Failed: it was allowed and did
// not work.
const (
	OutcomeSucceeded Outcome = "succeeded"
	OutcomeDenied    Outcome = "denied"
	OutcomeFailed    Outcome = "failed"
)

// Event is one security-relevant action. As JSON it is the object that sinks write, its members always in this order.
type Event struct {
	// ID is unique; the same event keeps it however often it is delivered.
	ID string `json:"id"`
	// Sequence is the position in the sealed order of all events.
	Sequence uint64 `json:"sequence"`
	// Time is when, as RFC 3339 in UTC with milliseconds.
	Time string `json:"time"`
	// IssuerID is the issuer it belongs to; nil for actions of the whole server.
	IssuerID *string `json:"issuer_id"`
	// Action is what was done, such as credential.issue.
	Action string `json:"action"`
	// Outcome is how it ended.
	Outcome Outcome `json:"outcome"`
	// Actor is who did it: a client id, an administrator's id, system.
	Actor string `json:"actor"`
	// Object is what it was done to: an id. Subjects appear only as a keyed hash.
	Object string `json:"object"`
	// RequestID is the request it belongs to; nil where there was none.
	RequestID *string `json:"request_id"`
	// Detail is the reason, plugin digest and the rest.
	Detail map[string]any `json:"detail"`
}

// Receipt is what became of a batch. What it does not name is delivered again.
type Receipt struct {
	// Delivered are ids of the events that are kept safely now.
	Delivered []string
	// Rejected are events that repeating would not help.
	Rejected []Rejection
}

// Rejection is an event that the sink will never take, and why; the operator reads it.
type Rejection struct {
	ID, Reason string
}

// AllDelivered says that all of these are kept safely now.
func AllDelivered(events []Event) *Receipt {
	receipt := &Receipt{}
	for _, event := range events {
		receipt.Delivered = append(receipt.Delivered, event.ID)
	}
	return receipt
}

// AllRejected says that none of these will ever be taken, all for one reason.
func AllRejected(events []Event, reason string) *Receipt {
	receipt := &Receipt{}
	for _, event := range events {
		receipt.Rejected = append(receipt.Rejected, Rejection{ID: event.ID, Reason: reason})
	}
	return receipt
}
