// What the example of the project does, without luo: it answers what is under way when it is told to end, and ends.
import { createServer } from 'node:http';

let requests = 0;
const server = createServer((_request, response) => {
  requests += 1;
  response.end(`version plain, request ${requests}\n`);
});
server.listen(Number(process.argv[2]), () => process.send?.({ port: server.address().port }));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
process.on('disconnect', () => process.exit(0));
