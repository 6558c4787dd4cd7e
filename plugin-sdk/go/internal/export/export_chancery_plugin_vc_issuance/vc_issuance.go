// Package export_chancery_plugin_vc_issuance is what the host asks VC issuers.
package export_chancery_plugin_vc_issuance

import (
	"chancery"
	"chancery/internal/answer"
	witTypes "chancery/internal/bytecodealliance/types"
	lifecycle "chancery/internal/export/export_chancery_plugin_lifecycle"
	"chancery/internal/wit/chancery_plugin_types"
	"chancery/internal/wit/chancery_plugin_vc_issuance"
)

type issuance = chancery_plugin_vc_issuance.Issuance

var plugin chancery.VCIssuer

// Use says which plugin there is.
func Use(used chancery.VCIssuer) {
	plugin = used
	lifecycle.Use(lifecycle.Plugin{
		Name: used.Name, Version: used.Version, Summary: used.Summary, ConfigSchema: used.ConfigSchema,
		Validate: used.Validate, Prepare: used.Prepare, Health: used.Health,
	})
}

// Issue is the contract's.
func Issue(
	request chancery_plugin_types.Request, holder chancery_plugin_vc_issuance.Holder,
) witTypes.Result[issuance, chancery_plugin_types.Error] {
	return result(answer.Call("Issue", func() (issuance, error) {
		if plugin.Issue == nil {
			return issuance{}, answer.Wrong("Plugin.Issue is not set")
		}
		proven := &chancery.Holder{ID: holder.Id.SomeOr(""), ProofType: holder.ProofType.SomeOr("")}
		if holder.PublicKeyJwk.IsSome() {
			proven.PublicKeyJWK = answer.Object(holder.PublicKeyJwk.Some())
		}
		found, err := plugin.Issue(answer.Request(request), proven, answer.Config())
		return convert("Issue", found, err)
	}))
}

// Poll is the contract's.
func Poll(
	request chancery_plugin_vc_issuance.PollRequest,
) witTypes.Result[issuance, chancery_plugin_types.Error] {
	return result(answer.Call("Poll", func() (issuance, error) {
		if plugin.Poll == nil {
			return issuance{}, answer.Wrong("Plugin.Poll is not set")
		}
		found, err := plugin.Poll(&chancery.PollRequest{
			RequestID:       request.RequestId,
			IssuerID:        request.IssuerId,
			ConfigurationID: request.ConfigurationId,
			Settings:        answer.Object(request.Settings),
			Token:           request.Token,
			Context:         answer.Object(request.Context),
			BudgetMs:        request.BudgetMs,
		}, answer.Config())
		return convert("Poll", found, err)
	}))
}

func result(found issuance, err error) witTypes.Result[issuance, chancery_plugin_types.Error] {
	if err != nil {
		return witTypes.Err[issuance](answer.Failure(err))
	}
	return witTypes.Ok[issuance, chancery_plugin_types.Error](found)
}

func convert(function string, found chancery.Issuance, err error) (issuance, error) {
	if err != nil {
		return issuance{}, err
	}
	switch found := found.(type) {
	case *chancery.Credential:
		if found != nil {
			return issued(found)
		}
	case *chancery.Ticket:
		if found != nil {
			return chancery_plugin_vc_issuance.MakeIssuancePending(chancery_plugin_vc_issuance.Ticket{
				Token: found.Token, RetryAfterMs: answer.Milliseconds(found.RetryAfter),
			}), nil
		}
	}
	return issuance{}, answer.Wrong("%s answered neither a credential, nor a ticket, nor an error", function)
}

func issued(found *chancery.Credential) (issuance, error) {
	metadata := "{}"
	if found.Metadata != nil {
		text, err := answer.JSON(found.Metadata, "Credential.Metadata")
		if err != nil {
			return issuance{}, err
		}
		metadata = text
	}
	externalID := witTypes.None[string]()
	if found.ExternalID != "" {
		externalID = witTypes.Some(answer.Text(found.ExternalID))
	}
	return chancery_plugin_vc_issuance.MakeIssuanceIssued(chancery_plugin_vc_issuance.Credential{
		Format: answer.Text(found.Format), Body: found.Body, ExternalId: externalID, Metadata: metadata,
	}), nil
}
