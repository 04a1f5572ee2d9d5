package postgresdb

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5/pgtype"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/relational"
)

// arguments are one statement's, ready to be sent.
type arguments struct {
	values  [][]byte
	types   []uint32
	formats []int16
}

var argOIDs = [...]struct{ one, list uint32 }{
	relational.ArgID:    {pgtype.TextOID, pgtype.TextArrayOID},
	relational.ArgText:  {pgtype.TextOID, pgtype.TextArrayOID},
	relational.ArgFold:  {pgtype.TextOID, pgtype.TextArrayOID},
	relational.ArgWord:  {pgtype.TextOID, pgtype.TextArrayOID},
	relational.ArgInt:   {pgtype.Int8OID, pgtype.Int8ArrayOID},
	relational.ArgFloat: {pgtype.Float8OID, pgtype.Float8ArrayOID},
	relational.ArgBool:  {pgtype.BoolOID, pgtype.BoolArrayOID},
	relational.ArgTime:  {pgtype.TimestamptzOID, pgtype.TimestamptzArrayOID},
	relational.ArgJSON:  {pgtype.TextOID, pgtype.TextArrayOID},
}

// encode writes the arguments of all statements, so that nothing is sent when
// one does not fit its type.
func encode(m *pgtype.Map, statements []database.Statement) ([]arguments, error) {
	out := make([]arguments, len(statements))
	for i, s := range statements {
		types := s.Statement.Args
		if len(types) != len(s.Args) {
			return nil, &database.Error{Kind: database.Internal, Step: i,
				Cause: fmt.Errorf("the statement takes %d arguments, %d are given", len(types), len(s.Args))}
		}
		a := arguments{values: make([][]byte, len(types)), types: make([]uint32, len(types)), formats: make([]int16, len(types))}
		for n, v := range s.Args {
			oid := argOIDs[types[n].Kind]
			a.types[n], a.formats[n] = oid.one, pgtype.BinaryFormatCode
			if types[n].List {
				a.types[n] = oid.list
			}
			var err error
			if a.values[n], err = encodeValue(m, a.types[n], v); err != nil {
				return nil, &database.Error{Kind: database.Internal, Step: i, Cause: fmt.Errorf("argument %d: %w", n+1, err)}
			}
		}
		out[i] = a
	}
	return out, nil
}

func encodeValue(m *pgtype.Map, oid uint32, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		if oid == pgtype.TextOID {
			return append(make([]byte, 0, len(v)), v...), nil // never nil, which is null
		}
	case int64:
		if oid == pgtype.Int8OID {
			return binary.BigEndian.AppendUint64(nil, uint64(v)), nil //nolint:gosec // the same bits
		}
	case float64:
		if oid == pgtype.Float8OID {
			return binary.BigEndian.AppendUint64(nil, math.Float64bits(v)), nil
		}
	case bool:
		if oid == pgtype.BoolOID {
			if v {
				return []byte{1}, nil
			}
			return []byte{0}, nil
		}
	}
	value, err := m.Encode(oid, pgtype.BinaryFormatCode, v, make([]byte, 0, 64))
	if err != nil {
		return nil, fmt.Errorf("%T does not fit: %w", v, err)
	}
	return value, nil
}
