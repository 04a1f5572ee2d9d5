package managementapi

import (
	"context"

	"github.com/graphql-go/graphql"
)

// logs are a function's log entries (platform §2.11, §15.1). Functions don't run yet:
// there is none.
func (t *types) logs() *graphql.Field {
	if t.logConnection == nil {
		status := graphql.NewEnum(graphql.EnumConfig{Name: "LogStatus", Values: graphql.EnumValueConfigMap{
			"SUCCESS": {Value: "SUCCESS"}, "FAILURE": {Value: "FAILURE"}}})
		entry := graphql.NewObject(graphql.ObjectConfig{Name: "Log", Interfaces: []*graphql.Interface{t.node}, Fields: graphql.Fields{
			"id": {Type: required(graphql.ID)}, "requestId": {Type: graphql.String}, "duration": {Type: required(graphql.Int)},
			"status": {Type: required(status)}, "timestamp": {Type: required(t.dateTime)}, "message": {Type: required(graphql.String)},
		}})
		t.logConnection, _ = connectionTypes("Log", entry)
	}
	f := get(required(t.logConnection), func(_ context.Context, _ functionNode, args map[string]any) (any, error) {
		return pageOf[string](nil, nil, args)
	})
	f.Args = connectionArgs()
	return f
}
