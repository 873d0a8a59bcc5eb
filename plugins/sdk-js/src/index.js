export { Failure, InvalidInput, Unauthorized, RateLimited, Upstream, Config, Internal, Stopped } from './failure.js';
export { Body, Line, utf8 } from './body.js';
export { Call, Context, ok } from './call.js';
export { delivered, retry, refused } from './run.js';
