package chancery

// Subject is the person or thing that a credential is about, as the authorization established it.
type Subject struct {
	// ID is the access token's sub, or the subject that the credential offer named. Never empty.
	ID string
	// Claims are the token's, or those of the offer.
	Claims map[string]any
}

// Request is one request.
type Request struct {
	// RequestID names this request in every log and in the answer to the client.
	RequestID string
	// IssuerID is the issuer that the credential will be issued by.
	IssuerID string
	// ConfigurationID is OpenID4VCI's credential_configuration_id.
	ConfigurationID string
	// Format is OpenID4VCI's format identifier: dc+sd-jwt, ldp_vc, mso_mdoc, …
	Format string
	// Subject is whom the credential is about.
	Subject Subject
	// RequestedClaims are paths of the claims that are wanted, from the outside in; empty means all. A hint:
	// returning more is allowed.
	RequestedClaims [][]string
	// Locales are BCP 47 language tags, best first; empty where the client stated none.
	Locales []string
	// Settings are the credential configuration's for this plugin.
	Settings map[string]any
	// Context is everything else that the host tells. Unknown members are to be ignored.
	Context map[string]any
	// BudgetMs is the wall-clock time for this call in milliseconds, waiting for sources included.
	BudgetMs uint32
}

// Holder is whom a credential is to be bound to, from a key proof that the host checked.
type Holder struct {
	// ID is the holder's DID URL; empty where the proof used none.
	ID string
	// ProofType is OpenID4VCI's; empty where no proof was asked for.
	ProofType string
	// PublicKeyJWK is the holder's public key; nil where no proof was asked for.
	PublicKeyJWK map[string]any
}

// PollRequest is a later question about a ticket.
type PollRequest struct {
	// RequestID names this request in every log.
	RequestID string
	// IssuerID, ConfigurationID and Settings are those of the original request.
	IssuerID, ConfigurationID string
	Settings                  map[string]any
	// Token is that of the latest ticket.
	Token []byte
	// Context is everything else that the host tells. Unknown members are to be ignored.
	Context map[string]any
	// BudgetMs is the wall-clock time for this call in milliseconds.
	BudgetMs uint32
}
