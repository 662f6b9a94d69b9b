// How GraphQL says no: the field is null and the answer carries an error, with status 200.

export class GraphqlRefusal extends Error {
  readonly type: string

  constructor(type: 'NOT_FOUND' | 'FORBIDDEN' | 'UNPROCESSABLE', message: string) {
    super(message)
    this.type = type
  }
}

export const forbidden = () => new GraphqlRefusal('FORBIDDEN', 'Resource not accessible by integration')
