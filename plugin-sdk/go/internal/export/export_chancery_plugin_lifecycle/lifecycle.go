// Package export_chancery_plugin_lifecycle is what the host asks every plugin before it serves.
package export_chancery_plugin_lifecycle

import (
	"chancery"
	"chancery/internal/answer"
	witTypes "chancery/internal/bytecodealliance/types"
	"chancery/internal/wit/chancery_plugin_lifecycle"
	"chancery/internal/wit/chancery_plugin_types"
)

// Plugin is what all kinds of plugins have in common.
type Plugin struct {
	Name, Version, Summary string
	ConfigSchema           any
	Validate               func(chancery.Config) []chancery.Problem
	Prepare                func(chancery.Config) ([]byte, error)
	Health                 func(chancery.Config) error
}

var plugin Plugin

// Use says which plugin there is.
func Use(used Plugin) { plugin = used }

// Describe is the contract's.
func Describe() string {
	text, err := answer.JSON(struct {
		Name         string `json:"name"`
		Version      string `json:"version"`
		Summary      string `json:"summary"`
		ConfigSchema any    `json:"config_schema"`
	}{plugin.Name, plugin.Version, plugin.Summary, plugin.ConfigSchema}, "Plugin.ConfigSchema")
	if err != nil {
		panic(answer.Failure(err).Internal().Detail.SomeOr(""))
	}
	return text
}

// ValidateConfig is the contract's.
func ValidateConfig(config string) witTypes.Result[witTypes.Unit, []chancery_plugin_lifecycle.ConfigProblem] {
	found, err := answer.Call("Validate", func() ([]chancery.Problem, error) {
		if plugin.Validate == nil {
			return nil, nil
		}
		return plugin.Validate(answer.Object(config)), nil
	})
	if err != nil {
		// There is no other word for a defect here.
		panic(answer.Failure(err).Internal().Detail.SomeOr(""))
	}
	if len(found) == 0 {
		return witTypes.Ok[witTypes.Unit, []chancery_plugin_lifecycle.ConfigProblem](witTypes.Unit{})
	}
	var problems []chancery_plugin_lifecycle.ConfigProblem
	for _, problem := range found {
		problems = append(problems, chancery_plugin_lifecycle.ConfigProblem{
			Path: answer.Text(problem.Path), Message: answer.Text(problem.Message),
		})
	}
	return witTypes.Err[witTypes.Unit](problems)
}

// Prepare is the contract's.
func Prepare() witTypes.Result[[]uint8, chancery_plugin_types.Error] {
	prepared, err := answer.Call("Prepare", func() ([]byte, error) {
		if plugin.Prepare == nil {
			return nil, nil
		}
		return plugin.Prepare(answer.Config())
	})
	if err != nil {
		return witTypes.Err[[]uint8](answer.Failure(err))
	}
	return witTypes.Ok[[]uint8, chancery_plugin_types.Error](prepared)
}

// Health is the contract's.
func Health() witTypes.Result[witTypes.Unit, chancery_plugin_types.Error] {
	_, err := answer.Call("Health", func() (witTypes.Unit, error) {
		if plugin.Health == nil {
			return witTypes.Unit{}, nil
		}
		return witTypes.Unit{}, plugin.Health(answer.Config())
	})
	if err != nil {
		return witTypes.Err[witTypes.Unit](answer.Failure(err))
	}
	return witTypes.Ok[witTypes.Unit, chancery_plugin_types.Error](witTypes.Unit{})
}
