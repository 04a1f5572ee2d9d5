module.exports = (event: any) => ({ data: { ...event.data, text: event.data.text.trim() + '!' } })
