// Package export_chancery_plugin_data_provider is what the host asks data providers.
package export_chancery_plugin_data_provider

import (
	"chancery"
	"chancery/internal/answer"
	witTypes "chancery/internal/bytecodealliance/types"
	lifecycle "chancery/internal/export/export_chancery_plugin_lifecycle"
	"chancery/internal/wit/chancery_host_blobs"
	"chancery/internal/wit/chancery_plugin_data_provider"
	"chancery/internal/wit/chancery_plugin_types"
)

var plugin chancery.DataProvider

// Use says which plugin there is.
func Use(used chancery.DataProvider) {
	plugin = used
	lifecycle.Use(lifecycle.Plugin{
		Name: used.Name, Version: used.Version, Summary: used.Summary, ConfigSchema: used.ConfigSchema,
		Validate: used.Validate, Prepare: used.Prepare, Health: used.Health,
	})
}

// Fetch is the contract's.
func Fetch(request chancery_plugin_types.Request) witTypes.Result[chancery_plugin_data_provider.Data, chancery_plugin_types.Error] {
	data, err := answer.Call("Fetch", func() (chancery_plugin_data_provider.Data, error) {
		if plugin.Fetch == nil {
			return chancery_plugin_data_provider.Data{}, answer.Wrong("Plugin.Fetch is not set")
		}
		found, err := plugin.Fetch(answer.Request(request), answer.Config())
		if err != nil {
			return chancery_plugin_data_provider.Data{}, err
		}
		return data(found)
	})
	if err != nil {
		return witTypes.Err[chancery_plugin_data_provider.Data](answer.Failure(err))
	}
	return witTypes.Ok[chancery_plugin_data_provider.Data, chancery_plugin_types.Error](data)
}

func data(found *chancery.Data) (chancery_plugin_data_provider.Data, error) {
	none := chancery_plugin_data_provider.Data{}
	if found == nil {
		return none, answer.Wrong("Fetch answered neither data nor an error")
	}
	claims, err := answer.JSON(found.Claims, "Data.Claims")
	if err != nil {
		return none, err
	}
	answered := chancery_plugin_data_provider.Data{Claims: claims, ValidUntil: witTypes.None[uint64]()}
	if !found.ValidUntil.IsZero() {
		answered.ValidUntil = witTypes.Some(uint64(max(0, found.ValidUntil.Unix())))
	}
	for _, attachment := range found.Attachments {
		blob := chancery_host_blobs.MakeBlob(answer.Text(attachment.MediaType))
		if result := blob.Append(attachment.Content); result.IsErr() {
			return none, answer.Wrong("all attachments may hold %d bytes together", result.Err().TooLarge())
		}
		answered.Attachments = append(answered.Attachments,
			chancery_plugin_types.Attachment{Name: answer.Text(attachment.Name), Content: blob})
	}
	return answered, nil
}
