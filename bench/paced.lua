-- Reads as people and programs make them: each of the 32 connections asks, and then pauses for 20 to 100 ms. About 500
-- a second.

function delay()
  return math.random(20, 100)
end
