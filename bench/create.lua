-- wrk: creates todos.
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '{"title":"Measure before you change","description":"One of many.","priority":"high","tags":["bench"]}'
