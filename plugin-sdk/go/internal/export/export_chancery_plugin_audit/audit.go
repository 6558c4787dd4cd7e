// Package export_chancery_plugin_audit is what the host asks audit sinks.
package export_chancery_plugin_audit

import (
	"time"

	"chancery"
	"chancery/internal/answer"
	witTypes "chancery/internal/bytecodealliance/types"
	lifecycle "chancery/internal/export/export_chancery_plugin_lifecycle"
	"chancery/internal/wit/chancery_plugin_audit"
	"chancery/internal/wit/chancery_plugin_types"
)

var plugin chancery.AuditSink

// Use says which plugin there is.
func Use(used chancery.AuditSink) {
	plugin = used
	lifecycle.Use(lifecycle.Plugin{
		Name: used.Name, Version: used.Version, Summary: used.Summary, ConfigSchema: used.ConfigSchema,
		Validate: used.Validate, Prepare: used.Prepare, Health: used.Health,
	})
}

// Deliver is the contract's.
func Deliver(batch []chancery_plugin_audit.Event) witTypes.Result[chancery_plugin_audit.Receipt, chancery_plugin_types.Error] {
	receipt, err := answer.Call("Deliver", func() (*chancery.Receipt, error) {
		if plugin.Deliver == nil {
			return nil, answer.Wrong("Plugin.Deliver is not set")
		}
		events := make([]chancery.Event, 0, len(batch))
		for _, event := range batch {
			events = append(events, eventOf(event))
		}
		receipt, err := plugin.Deliver(events, answer.Config())
		if err == nil && receipt == nil {
			err = answer.Wrong("Deliver answered neither a receipt nor an error")
		}
		return receipt, err
	})
	if err != nil {
		return witTypes.Err[chancery_plugin_audit.Receipt](answer.Failure(err))
	}
	answered := chancery_plugin_audit.Receipt{}
	for _, id := range receipt.Delivered {
		answered.Delivered = append(answered.Delivered, answer.Text(id))
	}
	for _, rejection := range receipt.Rejected {
		answered.Rejected = append(answered.Rejected, chancery_plugin_audit.Rejection{
			Id: answer.Text(rejection.ID), Reason: answer.Text(rejection.Reason),
		})
	}
	return witTypes.Ok[chancery_plugin_audit.Receipt, chancery_plugin_types.Error](answered)
}

func eventOf(event chancery_plugin_audit.Event) chancery.Event {
	found := chancery.Event{
		ID:       event.Id,
		Sequence: event.Sequence,
		Time:     time.UnixMilli(int64(event.AtUnixMs)).UTC().Format("2006-01-02T15:04:05.000Z"),
		Action:   event.Action,
		Outcome:  outcomeOf(event.Outcome),
		Actor:    event.Actor,
		Object:   event.Object,
		Detail:   answer.Object(event.Detail),
	}
	if event.IssuerId.IsSome() {
		id := event.IssuerId.Some()
		found.IssuerID = &id
	}
	if event.RequestId != "" {
		found.RequestID = &event.RequestId
	}
	return found
}

func outcomeOf(outcome chancery_plugin_audit.Outcome) chancery.Outcome {
	switch outcome {
	case chancery_plugin_audit.OutcomeSucceeded:
		return chancery.OutcomeSucceeded
	case chancery_plugin_audit.OutcomeDenied:
		return chancery.OutcomeDenied
	default:
		return chancery.OutcomeFailed
	}
}
