// Package kmskeys lets a key in AWS KMS wrap the data keys of package secret. The key
// never leaves KMS.
//
// In: a key's id, ARN or alias; credentials and region come from where every AWS client
// looks for them, the region also from an ARN. Out: a secret.Keyring. Callers: cmd, which
// picks it by the configuration.
package kmskeys

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"icehouse/tenancy/secret"
)

// Keys is one key.
type Keys struct {
	client *kms.Client
	key    string
}

// use is in the log of KMS, and must be the same when a data key is unwrapped.
var use = map[string]string{"icehouse": "data key"}

// Open prepares a client. KMS is asked when a key is needed.
func Open(ctx context.Context, key string) (*Keys, error) {
	var options []func(*config.LoadOptions) error
	if fields := strings.Split(key, ":"); len(fields) >= 6 && fields[0] == "arn" {
		options = append(options, config.WithRegion(fields[3]))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("set up AWS KMS: %w", err)
	}
	if c.Region == "" {
		return nil, errors.New("set up AWS KMS: set AWS_REGION, or give the key's ARN")
	}
	return &Keys{client: kms.NewFromConfig(c), key: key}, nil
}

// NewKey implements secret.Keyring.
func (k *Keys) NewKey(ctx context.Context) (plain, wrapped []byte, err error) {
	out, err := k.client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &k.key, KeySpec: types.DataKeySpecAes256, EncryptionContext: use})
	if err != nil {
		return nil, nil, fmt.Errorf("AWS KMS key %s: %w", k.key, err)
	}
	return out.Plaintext, out.CiphertextBlob, nil
}

// Unwrap implements secret.Keyring. KMS knows which of its keys wrapped: one that was
// used before unwraps as long as the process may use it.
func (k *Keys) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	out, err := k.client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: wrapped, EncryptionContext: use})
	var other *types.InvalidCiphertextException
	if errors.As(err, &other) {
		return nil, secret.ErrUnknownKey
	}
	if err != nil {
		return nil, fmt.Errorf("AWS KMS: %w", err)
	}
	return out.Plaintext, nil
}
