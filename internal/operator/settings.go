package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
)

// The settings of a merchant that no API lets him make himself; engine.CheckSetting knows them.

func (a *api) settings() {
	serve(a, huma.Operation{
		OperationID: "listSettings", Method: http.MethodGet, Path: "/merchants/{merchantId}/settings", Security: needs("merchants:read"),
		Summary: "What is set for a merchant", Description: "Settings that the merchant makes himself stand in the API that he uses.",
	}, a.listSettings)
	serve(a, huma.Operation{
		OperationID: "saveSetting", Method: http.MethodPut, Path: "/merchants/{merchantId}/settings/{key}", Security: needs("merchants:write"),
		Summary: "Set something for a merchant", Description: "It holds for orders made from then on.",
	}, a.saveSetting)
}

type settingsInput struct {
	Merchant string `path:"merchantId" maxLength:"64"`
	Mode     string `query:"mode" enum:"live,sandbox" required:"true"`
}

func (a *api) listSettings(ctx context.Context, in *settingsInput) (client.MerchantSettings, error) {
	if err := mustSee(ctx, engine.Mode(in.Mode)); err != nil {
		return client.MerchantSettings{}, err
	}
	if err := a.merchant(ctx, in.Merchant); err != nil {
		return client.MerchantSettings{}, err
	}
	return a.settingsOf(ctx, in.Merchant, in.Mode)
}

func (a *api) settingsOf(ctx context.Context, merchant, mode string) (client.MerchantSettings, error) {
	out := client.MerchantSettings{Merchant: merchant, Mode: mode, Settings: []client.Setting{}}
	all, err := a.Engine.Settings(ctx, engine.SettingScope{Merchant: merchant, Mode: engine.Mode(mode)})
	for _, key := range engine.SettingKeys() {
		out.Settings = append(out.Settings, client.Setting{Key: key, Value: string(all[key])})
	}
	return out, err
}

// platform refuses to make nobody a platform: fees would be on a balance that is nobody's.
func (a *api) platform(ctx context.Context, key, value string) error {
	var id string
	if key != engine.PlatformID || json.Unmarshal([]byte(value), &id) != nil {
		return nil // what is wrong with the value is said elsewhere
	}
	if err := a.merchant(ctx, id); err != nil {
		return fault.New(fault.CodeInvalidValue, "there is no merchant "+id).On(key)
	}
	return nil
}

type saveSettingInput struct {
	Merchant string `path:"merchantId" maxLength:"64"`
	Key      string `path:"key" maxLength:"64"`
	Body     client.NewSetting
}

func (a *api) saveSetting(ctx context.Context, in *saveSettingInput) (client.MerchantSettings, error) {
	if err := mustSee(ctx, engine.Mode(in.Body.Mode)); err != nil {
		return client.MerchantSettings{}, err
	}
	if err := a.merchant(ctx, in.Merchant); err != nil {
		return client.MerchantSettings{}, err
	}
	known, err := engine.CheckSetting(in.Key, json.RawMessage(in.Body.Value))
	if !known {
		return client.MerchantSettings{}, fault.New(fault.CodeNotFound, "there is no such setting").On("key")
	}
	if err := a.platform(ctx, in.Key, in.Body.Value); err != nil {
		return client.MerchantSettings{}, err
	}
	var value json.RawMessage
	if in.Body.Value != "" {
		if err != nil {
			return client.MerchantSettings{}, err
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(in.Body.Value)); err != nil {
			return client.MerchantSettings{}, err
		}
		value = compact.Bytes()
	}
	if err := a.as(ctx).SaveSetting(ctx, engine.SettingScope{Merchant: in.Merchant, Mode: engine.Mode(in.Body.Mode)}, in.Key, value); err != nil {
		return client.MerchantSettings{}, err
	}
	return a.settingsOf(ctx, in.Merchant, in.Body.Mode)
}
