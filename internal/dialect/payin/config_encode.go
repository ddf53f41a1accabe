package payin

import (
	"encoding/json"
	"net/http"
)

func encodeSetting(key string, s setting, all map[string]json.RawMessage, message string) answer {
	return answer{http.StatusOK, configBody{Success: true, Message: message, Data: settingOf(key, s, all)}}
}

// encodeSettings is every setting of a category by its full name; "" is all of them.
func encodeSettings(category string, all map[string]json.RawMessage) answer {
	body := configList{Success: true, Data: []settingBody{}}
	for _, s := range settings {
		if category == "" || s.category() == category {
			body.Data = append(body.Data, settingOf(s.names[0], s, all))
		}
	}
	return answer{http.StatusOK, body}
}

// settingOf is a setting with its value, named as it was asked for.
func settingOf(key string, s setting, all map[string]json.RawMessage) settingBody {
	_, own := all[s.stored]
	body := settingBody{Key: key, Value: s.in(all), DefaultValue: s.fallback(), Type: string(s.kind), Category: s.category(), IsDefault: !own, ReadOnly: s.readOnly}
	if s.kind == ofNumber {
		body.Min, body.Max = &s.low, &s.high
	}
	return body
}

// encodeRuntime is the values in effect by their full names.
func encodeRuntime(all map[string]json.RawMessage) answer {
	body := runtimeBody{Success: true, Data: map[string]json.RawMessage{}}
	for _, s := range settings {
		body.Data[s.names[0]] = s.in(all)
	}
	return answer{http.StatusOK, body}
}

func encodeMetadata() answer {
	body := metadataList{Success: true, Data: []metadataBody{}}
	for _, s := range settings {
		body.Data = append(body.Data, metadataOf(s))
	}
	return answer{http.StatusOK, body}
}

// urlPattern is what PayIn says of a URL setting; checkRedirect is stricter.
const urlPattern = "^https?://.+"

// metadataOf is what a setting may be, whatever it is.
func metadataOf(s setting) metadataBody {
	body := metadataBody{
		Key: s.names[0], Aliases: s.names[1:], Category: s.category(), Description: s.about, Type: string(s.kind),
		DefaultValue: s.fallback(), Nullable: string(s.fallback()) == "null", ReadOnly: s.readOnly,
	}
	if s.kind == ofNumber {
		body.Min, body.Max = &s.low, &s.high
	}
	if s.kind == ofURL {
		body.Pattern = urlPattern
	}
	return body
}
