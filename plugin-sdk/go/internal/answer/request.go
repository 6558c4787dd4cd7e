package answer

import (
	"chancery"
	"chancery/internal/wit/chancery_plugin_types"
)

// Request is one as authors see it.
func Request(request chancery_plugin_types.Request) *chancery.Request {
	return &chancery.Request{
		RequestID:       request.RequestId,
		IssuerID:        request.IssuerId,
		ConfigurationID: request.ConfigurationId,
		Format:          request.Format,
		Subject:         chancery.Subject{ID: request.Subject.Id, Claims: Object(request.Subject.Claims)},
		RequestedClaims: request.RequestedClaims,
		Locales:         request.Locales,
		Settings:        Object(request.Settings),
		Context:         Object(request.Context),
		BudgetMs:        request.BudgetMs,
	}
}
