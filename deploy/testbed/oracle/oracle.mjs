// Answers questions about GraphQL with the reference implementation: one JSON
// request a line on standard input, one JSON answer a line on standard output.
import { createInterface } from 'node:readline';
import {
  buildClientSchema, buildSchema, getVariableValues, graphqlSync, GraphQLSchema, GraphQLDeprecatedDirective,
  GraphQLIncludeDirective, GraphQLSkipDirective, lexicographicSortSchema, parse, printSchema, validate, validateSchema,
} from 'graphql';

const schemas = new Map();

function schemaOf(name) {
  const schema = schemas.get(name);
  if (!schema) throw new Error(`no schema ${name} was built`);
  return schema;
}

const messages = (errors) => errors.map((e) => e.message);

const operations = {
  // build keeps a schema under a name. Only the directives of 2017 are declared.
  build({ name, sdl }) {
    let schema = buildSchema(sdl);
    schema = new GraphQLSchema({
      ...schema.toConfig(),
      directives: [
        GraphQLIncludeDirective, GraphQLSkipDirective, GraphQLDeprecatedDirective,
        ...schema.getDirectives().filter((d) => !['include', 'skip', 'deprecated', 'specifiedBy', 'oneOf'].includes(d.name)),
      ],
      assumeValid: false,
    });
    const errors = messages(validateSchema(schema));
    if (errors.length === 0) schemas.set(name, schema);
    return { errors };
  },
  execute({ name, query, variables }) {
    return graphqlSync({ schema: schemaOf(name), source: query, variableValues: variables ?? {} });
  },
  // validate answers, for each query, the messages of its errors.
  validate({ name, queries }) {
    const schema = schemaOf(name);
    return queries.map((query) => {
      try {
        return messages(validate(schema, parse(query)));
      } catch (e) {
        return [e.message];
      }
    });
  },
  // variables coerces, for each case, variables given as JSON text.
  variables({ name, cases }) {
    const schema = schemaOf(name);
    return cases.map(({ query, json }) => {
      try {
        const definitions = parse(query).definitions[0].variableDefinitions ?? [];
        const { errors, coerced } = getVariableValues(schema, definitions, JSON.parse(json));
        return errors ? { errors: messages(errors) } : { json: JSON.stringify(coerced) };
      } catch (e) {
        return { errors: [e.message] };
      }
    });
  },
  // print prints what a client understands of an introspection answer.
  print({ introspection }) {
    return { sdl: printSchema(lexicographicSortSchema(buildClientSchema(introspection))) };
  },
  printSDL({ sdl }) {
    return { sdl: printSchema(lexicographicSortSchema(buildSchema(sdl))) };
  },
};

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let answer;
  try {
    const { op, ...request } = JSON.parse(line);
    answer = { result: operations[op](request) };
  } catch (e) {
    answer = { failure: String(e.stack ?? e) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
