-- What wrk sends: `wrk -s load.lua URL -- KIND KEY CUSTOMERS [FILE]`, where KIND is get, create, update, mix, pay or paths:
-- `GET` of the lines of FILE, one after the other and then from the first again.
-- Requests are written out whole: wrk.format() for each would make wrk itself a good part of the load.

local threads = 0

function setup(thread)
  thread:set("thread", threads)
  threads = threads + 1
end

local function post(path, body)
  local head = "POST %s HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer %s\r\n"
    .. "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
  return string.format(head, path, wrk.host, wrk.port, key, #body, body)
end

local kinds = {}

function kinds.get()
  local head = "GET /customers/cus_%027d HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer %s\r\n\r\n"
  return string.format(head, math.random(customers), wrk.host, wrk.port, key)
end

function kinds.create()
  local body = '{"email":"jane.smith%09d@example.com","name":"Jane Smith","phoneNumber":"+15559876543",'
    .. '"billingAddress":{"line1":"1 Main St","city":"Springfield","state":"IL","postalCode":"62701","country":"US"},'
    .. '"metadata":{"externalId":"%09d","tier":"premium"}}'
  local number = math.random(999999999)
  return post("/customers", string.format(body, number, number))
end

function kinds.update()
  local path = string.format("/customers/cus_%027d", math.random(customers))
  return post(path, string.format('{"metadata":{"visits":"%09d"}}', math.random(999999999)))
end

function kinds.mix()
  local chance = math.random(10)
  return kinds[chance == 1 and "create" or chance == 2 and "update" or "get"]()
end

-- Each payment that was created is then authorized, once.
local open, next_open = {}, 1

function kinds.pay()
  local id = open[next_open]
  if not id then return post("/payments", '{"amount":4200,"currency":"usd"}') end
  open[next_open] = nil
  next_open = next_open + 1
  return post("/payments/" .. id .. "/authorize",
    '{"card":{"number":"4242424242424242","expMonth":"12","expYear":"2040","cvc":"123"}}')
end

local function remember(status, _, body)
  if status == 201 then open[#open + 1] = string.match(body, '"id":"(pay_%w+)"') end
end

local lines, line = {}, 0

function kinds.paths()
  line = line % #lines + 1
  local head = "GET %s HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer %s\r\n\r\n"
  return string.format(head, lines[line], wrk.host, wrk.port, key)
end

function init(arguments)
  key, customers = arguments[2], tonumber(arguments[3])
  if arguments[4] then
    for path in io.lines(arguments[4]) do lines[#lines + 1] = path end
  end
  math.randomseed(os.time() * 64 + thread)
  request = kinds[arguments[1]]
  if arguments[1] == "pay" then response = remember end
end

function done(summary, latency)
  local wrong = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    wrong.status, wrong.connect + wrong.read + wrong.write + wrong.timeout))
end
